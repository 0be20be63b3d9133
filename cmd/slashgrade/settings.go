package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configFile is read from the working directory where --config names no other.
const configFile = "slashgrade.toml"

// setting is one key of the configuration: a pointer into a Config.
type setting struct {
	key   string // section.name
	help  string
	value reflect.Value
}

// settings lists the keys of the configuration in the order of its fields.
func (c *Config) settings() []setting {
	var list []setting
	sections := reflect.ValueOf(c).Elem()
	for i := range sections.NumField() {
		section := sections.Type().Field(i).Tag.Get("toml")
		if section == "-" {
			continue
		}
		fields := sections.Field(i)
		for j := range fields.NumField() {
			field := fields.Type().Field(j)
			list = append(list, setting{
				key: section + "." + field.Tag.Get("toml"), help: field.Tag.Get("help"), value: fields.Field(j),
			})
		}
	}
	return list
}

// variable is the key's name in the environment.
func (s setting) variable() string {
	return "SLASHGRADE_" + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

// Set reads a value as text; it implements pflag.Value with String and Type.
func (s setting) Set(text string) error {
	switch s.value.Interface().(type) {
	case time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("it must be a duration such as 90s or 10m, found %q", text)
		}
		s.value.SetInt(int64(d))
	case int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("it must be a whole number, found %q", text)
		}
		s.value.SetInt(int64(n))
	case bool:
		on, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("it must be true or false, found %q", text)
		}
		s.value.SetBool(on)
	default:
		s.value.SetString(text)
	}
	return nil
}

// String implements [fmt.Stringer].
func (s setting) String() string {
	if !s.value.IsValid() {
		return "" // pflag makes a zero setting to compare with
	}
	return fmt.Sprint(s.value.Interface())
}

// Type is what help shows in place of a value.
func (s setting) Type() string {
	switch s.value.Interface().(type) {
	case time.Duration:
		return "duration"
	case int:
		return "number"
	case bool:
		return "true|false"
	default:
		return "text"
	}
}

// configFlags are the flags of a command that needs a configuration.
type configFlags struct {
	file  string
	given map[string]string // by key
}

// addConfigFlags gives the command a flag for every key.
func addConfigFlags(command *cobra.Command) *configFlags {
	flags := &configFlags{given: map[string]string{}}
	set := command.Flags()
	set.StringVar(&flags.file, "config", "", "configuration `file`; without it "+configFile+" in this folder, if it is there")
	for _, s := range defaultConfig().settings() {
		set.Var(&givenFlag{setting: s, flags: flags}, s.key, s.help+" ("+s.variable()+")")
	}
	command.SetUsageTemplate(command.UsageTemplate() + `
Every key section.name may stand in ` + configFile + `, in the environment as SLASHGRADE_SECTION_NAME, and on the command line as
--section.name; the later of these wins.
`)
	return flags
}

// givenFlag remembers what stood on the command line, to be applied after the file and the environment.
type givenFlag struct {
	setting
	flags *configFlags
}

var _ pflag.Value = (*givenFlag)(nil)

// Set implements pflag.Value.
func (g *givenFlag) Set(text string) error {
	if err := g.setting.Set(text); err != nil {
		return err
	}
	g.flags.given[g.key] = text
	return nil
}

// load reads the configuration from all its sources and validates it.
func (f *configFlags) load() (*Config, error) {
	config := defaultConfig()
	err := errors.Join(f.readFile(config), readEnvironment(config))
	if err == nil {
		err = f.apply(config)
	}
	if err == nil {
		err = config.validate()
	}
	if err != nil {
		return nil, usageError(fmt.Errorf("the configuration is wrong:\n%w", err))
	}
	return config, nil
}

func (f *configFlags) readFile(config *Config) error {
	name := f.file
	if name == "" {
		name = configFile
	}
	text, err := os.ReadFile(name) //nolint:gosec // the operator names it
	if errors.Is(err, fs.ErrNotExist) && f.file == "" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	// Values go through the same reading as those of the environment: go-toml takes a duration for a number of nanoseconds.
	var sections map[string]any
	if err := toml.NewDecoder(bytes.NewReader(text)).Decode(&sections); err != nil {
		return fmt.Errorf("%s: %s", name, explainTOML(err))
	}
	if err := errors.Join(config.Own.read(sections), applySections(config, sections)); err != nil {
		return errors.New(name + ": " + strings.ReplaceAll(err.Error(), "\n", "\n"+name+": ")) // a mistake a line
	}
	return nil
}

func explainTOML(err error) string {
	if syntax, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := syntax.Position()
		return fmt.Sprintf("line %d, column %d: %v", line, column, err)
	}
	return err.Error()
}

// applySections takes every key that has a setting. Those of OwnPolicy are not among the sections any more.
func applySections(config *Config, sections map[string]any) error {
	known := map[string]setting{}
	for _, s := range config.settings() {
		known[s.key] = s
	}
	var wrong []error
	for section, content := range sections {
		values, ok := content.(map[string]any)
		if !ok {
			wrong = append(wrong, fmt.Errorf("there is no key %s; every key stands in a section", section))
		}
		for name, value := range values {
			key := section + "." + name
			s, ok := known[key]
			if !ok {
				wrong = append(wrong, fmt.Errorf("there is no key %s", key))
				continue
			}
			if err := s.Set(fmt.Sprint(value)); err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %w", key, err))
			}
		}
	}
	return errors.Join(wrong...)
}

func readEnvironment(config *Config) error {
	var wrong []error
	for _, s := range config.settings() {
		text, ok := os.LookupEnv(s.variable())
		if !ok {
			continue
		}
		if err := s.Set(text); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", s.variable(), err))
		}
	}
	return errors.Join(wrong...)
}

func (f *configFlags) apply(config *Config) error {
	for _, s := range config.settings() {
		if text, ok := f.given[s.key]; ok {
			if err := s.Set(text); err != nil {
				return fmt.Errorf("--%s: %w", s.key, err)
			}
		}
	}
	return nil
}
