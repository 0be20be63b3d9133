// Python-grader times the Python grader's image beside a stand-in for PrairieLearn's own, which imports what that one imports before it
// runs the same test: in turns, in one run, because machines differ and drift. Each job is a plain `docker run` without our runner. It prints
// medians and ratios as a Markdown table.
//
//	go run ./bench/python-grader -n 10
//
// It needs a Docker engine with the image, and is to be started in the repository's root.
package main

import (
	"cmp"
	"context"
	"embed"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// questions has one job a file, with the files of /grade under their paths.
//
//go:embed questions/*.txtar
var questions embed.FS

// jobWait bounds one job; the slowest takes a few seconds.
const jobWait = time.Minute

func main() {
	rounds := flag.Int("n", 10, "counted rounds, after one that is not")
	image := flag.String("image", "slashgrade/python-grader:dev", "the grader's image, which the engine has")
	guest := flag.String("guest", "images/python-grader/tests/guest.py", "the stand-in for the runner's guest, which starts a warm-up")
	flag.Parse()
	if err := run(context.Background(), *image, *guest, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "python-grader:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, image, guest string, rounds int) error {
	text, err := os.ReadFile(guest) //nolint:gosec // who measures names the file
	if err != nil {
		return err
	}
	engine := &engine{image: image, guest: string(text)}
	fmt.Println("| question | way | CPU, s | ratio | time, s | ratio |\n|---|---|---|---|---|---|")
	for _, name := range []string{"scalar", "numpy", "pandas", "plot"} {
		content, err := questions.ReadFile("questions/" + name + ".txtar")
		if err != nil {
			return err
		}
		archive, err := pack(txtar.Parse(content).Files)
		if err != nil {
			return err
		}
		measured, err := engine.rounds(ctx, archive, rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		show(os.Stdout, name, measured)
	}
	return nil
}

// spent is what one job took.
type spent struct {
	// cpu is the container's processor time: of the warm-up only what came after "go".
	cpu float64
	// wall is from the container's start to its exit; with a warm-up from "go" to its exit. Both in seconds.
	wall float64
}

// ways are how a job can be run, in the order in which they take turns.
func (e *engine) ways() []way {
	return []way{{"stand-in for the original", e.standIn}, {"cold", e.cold}, {"warmed", e.warmed}}
}

type way struct {
	name string
	run  func(ctx context.Context, archive []byte) (spent, error)
}

// rounds returns what each way took in each counted round.
func (e *engine) rounds(ctx context.Context, archive []byte, rounds int) (map[string][]spent, error) {
	const warmUp = 1
	measured := map[string][]spent{}
	for round := range rounds + warmUp {
		for _, way := range e.ways() {
			took, err := way.run(ctx, archive)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", way.name, err)
			}
			if round >= warmUp {
				measured[way.name] = append(measured[way.name], took)
			}
		}
	}
	return measured, nil
}

// show prints a question's rows. Ratios are medians of the ratios to the stand-in in the same round.
func show(out io.Writer, question string, measured map[string][]spent) {
	ways := (&engine{}).ways()
	base := measured[ways[0].name]
	cpu := func(s spent) float64 { return s.cpu }
	wall := func(s spent) float64 { return s.wall }
	for _, way := range ways {
		list := measured[way.name]
		_, _ = fmt.Fprintf(out, "| %s | %s | %.3f | %.2f | %.2f | %.2f |\n", question, way.name,
			median(list, cpu), ratio(list, base, cpu), median(list, wall), ratio(list, base, wall))
	}
}

func median(list []spent, of func(spent) float64) float64 {
	values := make([]float64, len(list))
	for i, each := range list {
		values[i] = of(each)
	}
	return middle(values)
}

func ratio(list, base []spent, of func(spent) float64) float64 {
	values := make([]float64, len(list))
	for i := range list {
		values[i] = of(list[i]) / of(base[i])
	}
	return middle(values)
}

func middle[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
