// Package nsengine starts containers without an OCI runtime: the kernel's namespaces and cgroups, and in them the guest program itself, which
// makes its surroundings and then becomes the guest (package firstprocess). It is a [ociengine.Starter]; whatever else there is to a
// container, its files, its limits, its end and what is left of it, is the same as with an OCI runtime.
//
// # What it takes from a runtime
//
// The system call filter. A runtime compiles it anew for every container, at the price of half a start. Here the first container of each
// set of capabilities is started by the runtime; its filter is read back from the kernel, and is then given to all others as it is.
// So both kinds of container have the same filter to the byte, and nothing here knows system calls by number.
//
// # What it needs
//
// Linux 5.12 or later with checkpoint and restore built in, as distributions have it, and root that may trace processes.
package nsengine
