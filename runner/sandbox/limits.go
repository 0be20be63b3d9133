package sandbox

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
)

// Limit is one line of a profile's list: its key in the configuration, its value as text, and how a value from there is taken.
type Limit struct {
	Key   string
	Value string
	// Set takes a value as a TOML file has it. The error says what it must be.
	Set func(value any) error
}

// Limits is the profile's list, in the order of its fields. Setting one changes the profile.
func (p *Profile) Limits() []Limit {
	return []Limit{
		bytesLimit("memory", &p.MemoryBytes, span{16 * mib, 4096 * gib}), // below, not even the guest starts
		p.cpuLimit(),
		countLimit("processes", &p.Processes, span{8, 1 << 20}),
		countLimit("open_files", &p.OpenFiles, span{64, 1 << 20}), // the kernel's fs.nr_open
		bytesLimit("file_size", &p.FileBytes, span{1 * mib, 4096 * gib}),
		bytesLimit("disk", &p.DiskBytes, span{1 * mib, 4096 * gib}),
		bytesLimit("grade", &p.GradeBytes, span{1 * mib, 1024 * gib}),
		countLimit("grade_entries", &p.GradeInodes, span{100, 100_000_000}),
		bytesLimit("scratch", &p.ScratchBytes, span{1 * mib, 1024 * gib}),
		countLimit("scratch_entries", &p.ScratchInodes, span{100, 100_000_000}),
		bytesLimit("shared", &p.SharedBytes, span{1 * mib, 1024 * gib}),
		bytesLimit("message_queues", &p.QueueBytes, span{0, 1 * gib}),
		countLimit("pending_signals", &p.Signals, span{64, 1 << 20}),
		p.capabilityLimit(),
		textLimit("user", &p.User, text{userName, "a name or a number, and perhaps a group after a colon, such as 1000:1000"}),
		p.readOnlyLimit(),
		textLimit("runtime", &p.Runtime, text{runtimeName, "the name of one of the engine's runtimes, such as runsc"}),
	}
}

// Set sets one limit by its key.
func (p *Profile) Set(key string, value any) error {
	for _, limit := range p.Limits() {
		if limit.Key == key {
			return limit.Set(value)
		}
	}
	return errors.New("there is no such limit")
}

// span is what a figure may be.
type span struct{ least, most int64 }

func bytesLimit(key string, field *int64, allowed span) Limit {
	return Limit{key, units.BytesSize(float64(*field)), func(value any) error {
		text, ok := value.(string)
		size, err := units.RAMInBytes(text)
		if !ok || err != nil {
			return fmt.Errorf("it must be a size in quotes, such as \"512MiB\", found %v", value)
		}
		if size < allowed.least || size > allowed.most {
			return fmt.Errorf("it must be from %s to %s, found %s",
				units.BytesSize(float64(allowed.least)), units.BytesSize(float64(allowed.most)), text)
		}
		*field = size
		return nil
	}}
}

func countLimit(key string, field *int64, allowed span) Limit {
	return Limit{key, strconv.FormatInt(*field, 10), func(value any) error {
		number, ok := value.(int64)
		if !ok || number < allowed.least || number > allowed.most {
			return fmt.Errorf("it must be a whole number from %d to %d, found %v", allowed.least, allowed.most, value)
		}
		*field = number
		return nil
	}}
}

func (p *Profile) cpuLimit() Limit {
	const least, most = 0.01, 1024 // the kernel's shortest quota of 1 ms in a period of 100 ms; more processors than machines have
	return Limit{"cpus", strconv.FormatFloat(p.CPUs, 'f', -1, 64), func(value any) error {
		number, ok := value.(float64)
		if whole, isWhole := value.(int64); isWhole {
			number, ok = float64(whole), true
		}
		if !ok || !(number >= least && number <= most) { // also not a number
			return fmt.Errorf("it must be a number from %v to %v, found %v", least, most, value)
		}
		p.CPUs = number
		return nil
	}}
}

func (p *Profile) capabilityLimit() Limit {
	value := strings.Join(capabilityNames(p.Capabilities), ", ")
	return Limit{"capabilities", value, func(value any) error {
		list, ok := value.([]any)
		if !ok {
			return fmt.Errorf("it must be a list such as [\"CHOWN\", \"SETUID\"], found %v", value)
		}
		known, granted := grantableCapabilities(), []Capability(nil)
		for _, entry := range list {
			at := slices.IndexFunc(known, func(c Capability) bool { return c.Name == entry })
			if at < 0 {
				return fmt.Errorf("a job may hold %s, and not %v", strings.Join(capabilityNames(known), ", "), entry)
			}
			granted = append(granted, known[at])
		}
		p.Capabilities = granted
		return nil
	}}
}

func capabilityNames(list []Capability) []string {
	var names []string
	for _, capability := range list {
		names = append(names, capability.Name)
	}
	slices.Sort(names)
	return names
}

func (p *Profile) readOnlyLimit() Limit {
	return Limit{"read_only", strconv.FormatBool(p.ReadOnly), func(value any) error {
		on, ok := value.(bool)
		if !ok {
			return fmt.Errorf("it must be true or false, found %v", value)
		}
		p.ReadOnly = on
		return nil
	}}
}

const (
	// runtimeName is what an engine's runtime may be called here.
	runtimeName = `^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`
	// userName is what an image's USER may be: names as useradd takes them, or numbers.
	userName = `^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,31})?$`
)

// text is what a text must match, and how that is said.
type text struct{ pattern, words string }

func textLimit(key string, field *string, allowed text) Limit {
	return Limit{key, *field, func(value any) error {
		given, ok := value.(string)
		if !ok || given != "" && !regexp.MustCompile(allowed.pattern).MatchString(given) {
			return fmt.Errorf("it must be %s, found %v", allowed.words, value)
		}
		*field = given
		return nil
	}}
}
