// Package folderlock locks a folder for a process and for the children that inherit the lock, with flock. The lock
// therefore shows whether someone still works in the folder, even after a kill -9. Linux only.
package folderlock
