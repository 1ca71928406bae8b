//go:build realclient

package spads

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
)

const (
	mapSquares    = 128 // an edge; the engine takes multiples of 128 only
	tileSquares   = 4
	tileBytes     = 680 // of 32 by 32 texels in DXT1, with three smaller versions
	minimapBytes  = 699048
	smfHeaderSize = 80
)

// texts are the files of the smallest game and map that unitsync lists and the engine
// plays, "Tiny Duel 1" and "Tiny Plain 1". The game ends by itself three seconds after it has
// begun, and ally team 0 has won.
var texts = map[string]string{
	"games/tiny_duel.sdd/modinfo.lua": `return { name = "Tiny Duel", shortname = "TD", version = "1", game = "Tiny Duel", description = "No units, three seconds", modtype = 1, depend = { "Spring content v1", "Spring Cursors" } }
`,
	"games/tiny_duel.sdd/gamedata/sidedata.lua": `return { { name = "Left", startunit = "none" }, { name = "Right", startunit = "none" } }
`,
	"games/tiny_duel.sdd/LuaRules/main.lua": `local ended = false
function GameFrame(n)
	if n >= 90 and not ended then
		ended = true
		Spring.GameOver({ 0 })
	end
end
`,
	"games/tiny_duel.sdd/LuaRules/draw.lua": `function Shutdown() end
`,
	"maps/tiny_plain.sdd/mapinfo.lua": `return { name = "Tiny Plain", shortname = "TP", version = "1", description = "Flat", author = "Teiserver", modtype = 3,
	mapfile = "maps/tiny_plain.smf", depend = { "Map Helper v1" },
	smf = { minheight = 0, maxheight = 100, smtFileName0 = "tiny_plain.smt" },
	teams = { [0] = { startPos = { x = 200, z = 200 } }, [1] = { startPos = { x = 800, z = 800 } } } }
`,
}

// WriteContent writes the game and the map into an engine's data folder.
func WriteContent(dir string) error {
	files := map[string][]byte{
		"maps/tiny_plain.sdd/maps/tiny_plain.smf": smf(),
		"maps/tiny_plain.sdd/maps/tiny_plain.smt": smt(),
	}
	for name, text := range texts {
		files[name] = []byte(text)
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return fmt.Errorf("make the folder of %s: %w", name, err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// smf is a flat map that shows one tile everywhere.
func smf() []byte {
	const (
		heights = (mapSquares + 1) * (mapSquares + 1) * 2
		half    = mapSquares / 2 * mapSquares / 2
		tiles   = mapSquares / tileSquares * mapSquares / tileSquares
	)
	tileFile := []byte("tiny_plain.smt\x00")
	heightAt := smfHeaderSize
	typeAt := heightAt + heights
	tilesAt := typeAt + half
	minimapAt := tilesAt + 8 + 4 + len(tileFile) + 4*tiles
	metalAt := minimapAt + minimapBytes
	featuresAt := metalAt + half

	var b bytes.Buffer
	b.WriteString("spring map file\x00")
	put(&b, int32(1), int32(4711), int32(mapSquares), int32(mapSquares), int32(8), int32(8), int32(32), float32(0), float32(100))
	for _, at := range []int{heightAt, typeAt, tilesAt, minimapAt, metalAt, featuresAt} {
		put(&b, int32(at))
	}
	put(&b, int32(0)) // no more headers
	for range heights / 2 {
		put(&b, uint16(1<<15))
	}
	b.Write(make([]byte, half))
	put(&b, int32(1), int32(1), int32(1)) // one file, one tile, and that in this file:
	b.Write(tileFile)
	b.Write(make([]byte, 4*tiles))
	b.Write(make([]byte, minimapBytes+half))
	put(&b, int32(0), int32(0)) // no features
	return b.Bytes()
}

func smt() []byte {
	var b bytes.Buffer
	b.WriteString("spring tilefile\x00")
	put(&b, int32(1), int32(1), int32(32), int32(1))
	b.Write(make([]byte, tileBytes))
	return b.Bytes()
}

func put(b *bytes.Buffer, values ...any) {
	for _, v := range values {
		_ = binary.Write(b, binary.LittleEndian, v) // a buffer takes everything
	}
}
