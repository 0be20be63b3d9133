// Package guest is the protocol between the runner and slashgrade-guest, the small program that is PID 1 of every grading container.
// Both ends import it; it imports the standard library only.
//
// # Frames
//
// A frame is one byte of [Kind], four bytes of length (big endian) and the payload, which is JSON for the frames that have a struct of
// their name here, else raw bytes. Frames go both ways over the container's stdin and stdout and over nothing else. Ends are frames,
// never a half-closed stream; the end of the guest's stdin ends the guest and with it the job.
//
//	runner                         guest
//	                               Hello      who it is
//	Ping                           Pong       the guest's clock
//	Warm                           Warmed     the image's warm-up is ready, or was given up
//	Prepare, Files…, FilesEnd      Ready      /grade is filled     | Refused    the archive is not acceptable
//	Start                          Started    the entrypoint runs  | NotStarted it cannot be started
//	                               Output…    both streams, capped
//	Kill (end the job now)         Ended      how it ended
//	                               Results…, ResultsEnd
//	Collect                        Archive…, ArchiveEnd            /grade as the job left it
//
// # Trust
//
// The runner trusts the guest no further than it must: frames from inside a container are bounded and checked, and none of them can
// name another job. The guest trusts the runner.
package guest
