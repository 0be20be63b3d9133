package runner

// Usage is what a job took of what it was given. All is bytes but GradeInodes.
type Usage struct {
	// MemoryPeak is the most memory that the container took; 0 where the kernel does not say.
	MemoryPeak int64
	// GradeBytes and GradeInodes are how full /grade was at the end.
	GradeBytes, GradeInodes int64
	// Output is what the job wrote to stdout and stderr, of which the log holds at most MaxLog.
	Output int64
}
