package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:    "man FOLDER",
		Short:  "Write a man page for each command",
		Args:   cobra.ExactArgs(1),
		Hidden: true,
		Long: `man writes a page of section 1 for each command into the folder, which is made where it is missing. Packages put them below
/usr/share/man/man1; man -l FOLDER/slashgrade-grade.1 reads one at once.`,
		RunE: func(command *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // man pages are for all
				return fmt.Errorf("write man pages: %w", err)
			}
			header := &doc.GenManHeader{Title: "SLASHGRADE", Section: "1", Source: "slashgrade " + version, Manual: "slashgrade"}
			root := command.Root()
			root.DisableAutoGenTag = true // the same program writes the same pages
			keepExamples(root)
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return fmt.Errorf("write man pages: %w", err)
			}
			return nil
		},
	}
}

// keepExamples indents the lines that are indented in a command's text by as much as the pages' generator needs to leave them as they are.
func keepExamples(command *cobra.Command) {
	command.Long = strings.ReplaceAll(command.Long, "\n  ", "\n      ")
	for _, below := range command.Commands() {
		keepExamples(below)
	}
}
