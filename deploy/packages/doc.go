// Package packages provides the programs that the demo and the tests need and that are no Go modules: PostgreSQL
// and Chromium. Ensure installs those that are missing, for root as packages of the distribution, for other users
// by unpacking the same packages into their cache folder. It needs apt; elsewhere its error says what to install.
//
// A program that was unpacked privately finds its libraries, and Chromium its fonts, through variables:
// start it with Environment. Linux only.
//
// Read program.go first.
package packages
