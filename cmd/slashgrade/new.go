package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/desk/skeleton"
)

func newNew() *cobra.Command {
	command := &cobra.Command{
		Use:   "new",
		Short: "Make something new in a course",
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(newNewQuestion())
	return command
}

func newNewQuestion() *cobra.Command {
	var course, image string
	command := &cobra.Command{
		Use:   "question NAME",
		Short: "Make a question that works, with a grader and samples that test it",
		Long: `new question makes the folder questions/NAME in the course with info.json, question.html, a grader in tests/, and samples with what
must come of them in grader_tests/. Change them to what your question asks.

  slashgrade new question lists/median --image python     graded by the Python grader's image
  slashgrade new question word-count --image shell        graded by a shell script
  slashgrade new question word-count --image NAME         graded by a shell script in an image of your own`,
		RunE: func(command *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError(errors.New("how is the question called? for example `slashgrade new question lists/median --image python`"))
			}
			root, err := courseHere(course)
			if err != nil {
				return usageError(err)
			}
			folder, err := skeleton.Write(root, args[0], image)
			if err != nil {
				return usageError(err)
			}
			shown := shownPath(folder)
			_, err = fmt.Fprintf(command.OutOrStdout(), "made %s; try\n  slashgrade grade %s %s/grader_tests/correct\n", shown, shown, shown)
			return err
		},
	}
	command.Flags().StringVar(&course, "course", "", "the course's `folder`; found by its infoCourse.json above this folder otherwise")
	command.Flags().StringVar(&image, "image", skeleton.Python, "python, shell, or the `name` of an image with /bin/sh")
	_ = command.RegisterFlagCompletionFunc("image", cobra.FixedCompletions([]string{skeleton.Python, skeleton.Shell}, cobra.ShellCompDirectiveNoFileComp))
	return command
}

// courseHere is the course that is named, else the one above the working directory.
func courseHere(named string) (string, error) {
	folder := named
	if folder == "" {
		here, err := os.Getwd()
		if err != nil {
			return "", err
		}
		folder = here
	}
	if named != "" {
		if !isFolder(named) {
			return "", fmt.Errorf("there is no course's folder %s", named)
		}
		return named, nil
	}
	if course := desk.CourseAbove(folder); course != "" {
		return course, nil
	}
	return "", errors.New("this folder is in no course: neither it nor one above has an infoCourse.json\ngo to your course, or name it with --course")
}
