package ansi

import (
	"fmt"
	"strconv"
)

// The 256 colours are the 16 of every terminal, a cube of six steps for each of red, green and blue, and greys (xterm's 256colres.h).
const (
	cubeBegin = 16
	cubeSide  = 6
	greyBegin = cubeBegin + cubeSide*cubeSide*cubeSide
	colours   = 256
)

// step is the strength of one of the cube's colours.
func step(i int) int {
	if i == 0 {
		return 0
	}
	return 55 + 40*i
}

// RGB is a colour of the palette from 16 on: those before it are the terminal's own. Ok is false for all other numbers.
func RGB(number int) (red, green, blue int, ok bool) {
	switch {
	case number < cubeBegin || number >= colours:
		return 0, 0, 0, false
	case number < greyBegin:
		at := number - cubeBegin
		return step(at / cubeSide / cubeSide), step(at / cubeSide % cubeSide), step(at % cubeSide), true
	default:
		grey := 8 + 10*(number-greyBegin)
		return grey, grey, grey, true
	}
}

// nearest is the palette's colour that comes nearest to any, by its fields 38 or 48, 2, red, green, blue. One of the first 16 gets the code
// that it has without a number.
func nearest(fields []string) []string {
	if fields[1] == "5" {
		return named(fields)
	}
	var want [3]int
	for i := range want {
		want[i], _ = strconv.Atoi(fields[2+i]) // they are numbers: see extended
	}
	best, least := 0, -1
	for number := cubeBegin; number < colours; number++ {
		red, green, blue, _ := RGB(number)
		away := square(red-want[0]) + square(green-want[1]) + square(blue-want[2])
		if least < 0 || away < least {
			best, least = number, away
		}
	}
	return []string{fields[0], "5", fmt.Sprint(best)}
}

// named is a colour by its fields 38 or 48, 5, number.
func named(fields []string) []string {
	const bright, fromPlain = 8, 60 - 8 // the codes of the bright ones begin 60 above the others
	ground, _ := strconv.Atoi(fields[0])
	number, _ := strconv.Atoi(fields[2])
	switch first := ground - 8; { // 30 or 40
	case number < bright:
		return []string{fmt.Sprint(first + number)}
	case number < cubeBegin:
		return []string{fmt.Sprint(first + fromPlain + number)}
	default:
		return fields
	}
}

func square(n int) int { return n * n }
