package roster

// shelfSize is the number of users in a chunk: large enough that a login joins few
// encodings, small enough that a status change costs little to encode again.
const shelfSize = 128

// shelf is a part of the visible users that changes, chunk its immutable image.
type shelf struct {
	users []*user
	chunk *Chunk // nil: to be made again
	free  bool   // listed as having room
}

// shelves holds all visible users. A change touches one shelf.
type shelves struct {
	list  []*shelf
	free  []*shelf
	count int
}

func (h *shelves) add(u *user) {
	if len(h.free) == 0 {
		k := &shelf{users: make([]*user, 0, shelfSize), free: true}
		h.list = append(h.list, k)
		h.free = append(h.free, k)
	}
	k := h.free[len(h.free)-1]
	u.shelf, u.place = k, len(k.users)
	k.users = append(k.users, u)
	k.chunk = nil
	if len(k.users) == shelfSize {
		k.free = false
		h.free = h.free[:len(h.free)-1]
	}
	h.count++
}

func (h *shelves) remove(u *user) {
	k := u.shelf
	last := len(k.users) - 1
	k.users[u.place] = k.users[last]
	k.users[u.place].place = u.place
	k.users[last] = nil
	k.users = k.users[:last]
	k.chunk = nil
	u.shelf = nil
	if !k.free {
		k.free = true
		h.free = append(h.free, k)
	}
	h.count--
}

// world is everything that is shown now. Chunks and lobbies that have not changed
// are those of the login before.
func (s *state) world() World {
	w := World{
		Chunks:  make([]*Chunk, 0, len(s.shelves.list)),
		Lobbies: make([]*Lobby, 0, len(s.open)),
	}
	for _, k := range s.shelves.list {
		if len(k.users) == 0 {
			continue
		}
		if k.chunk == nil {
			k.chunk = &Chunk{Users: make([]*User, len(k.users))}
			for i, u := range k.users {
				k.chunk.Users[i] = u.shown
			}
		}
		w.Chunks = append(w.Chunks, k.chunk)
	}
	for _, l := range s.open {
		w.Lobbies = append(w.Lobbies, s.value(l))
	}
	return w
}
