package jobspec

// Limits of what a platform or a course may ask for. All sizes are bytes.
const (
	// MaxMessageBytes is the longest job message: what SQS takes since August 2025.
	MaxMessageBytes = 1 << 20
	// MaxIDBytes is the longest name of a job. PrairieLearn's are the digits of a 64-bit number, others' are UUIDs.
	MaxIDBytes = 256
	// MaxVariableBytes is the longest environment variable "NAME=value" with its closing NUL, and the longest entrypoint: Linux
	// refuses to start a program with a longer one (MAX_ARG_STRLEN, 32 pages of 4 KiB).
	MaxVariableBytes = 32 * 4096
	// MaxEnvironmentBytes is the most that all variables of a job may take together. Linux gives arguments and environment together
	// a quarter of the stack's limit, 2 MiB of the usual 8; a quarter of that leaves room for the image's own and for smaller stacks.
	MaxEnvironmentBytes = 512 << 10
	// MaxVariables is how many environment variables a job may set or remove. Courses use a handful.
	MaxVariables = 1000
	// MaxInfoBytes is the longest info.json or question.html that is read; real ones have a few KiB.
	MaxInfoBytes = 1 << 20
)
