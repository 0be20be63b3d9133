// Slashgrade grades untrusted student code in containers, for the platforms that courses already use.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// version is set by the build.
var version = "dev"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the command line and returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	understood := false // what fails before that is a mistake in the command line, whoever finds it
	root.PersistentPreRunE = func(command *cobra.Command, _ []string) error {
		err := command.ValidateFlagGroups()
		understood = err == nil
		return err
	}
	command, err := root.ExecuteContextC(context.Background())
	var status exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		if status.err != nil {
			printError(stderr, status.err)
		}
		return status.status
	case !understood:
		printError(stderr, tryHelp(command, err))
		return statusUsage
	default:
		printError(stderr, err)
		return statusFailed
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "slashgrade",
		Short: "Grade untrusted student code in containers",
		Long: `slashgrade grades student code in containers, for the platforms that courses already use.

It takes jobs from a queue, runs each question's grader in a container of its own, checks the results, and answers.
With nothing configured it uses a queue and a store of its own in its data directory:

  slashgrade serve &                                   grade what comes
  slashgrade enqueue questions/fibonacci fib.py        put a submission on the queue, wait, show the report

With sqs.jobs_queue and sqs.results_queue configured it stands in for PrairieLearn's grader host.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(newDoctor())
	root.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return usageError(tryHelp(command, err))
	})
	root.AddCommand(
		newServe(), newGrade(), newCheck(), newTest(), newRegrade(), newEnqueue(), newNew(), newMan(), newVersion(),
	)
	return root
}

// tryHelp adds where the right way stands.
func tryHelp(command *cobra.Command, err error) error {
	return fmt.Errorf("%w\ntry `%s --help`", err, command.CommandPath())
}
