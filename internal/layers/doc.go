// Package layers holds the house's rule of who may import whom, as a table and the
// test that keeps it. A new edge is a change that a reviewer sees.
package layers
