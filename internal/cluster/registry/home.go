package registry

// Home proposes the node where a key should live: rendezvous hashing. When a node
// comes or goes only the keys that move to or from it change their home. The result
// does not depend on the order of nodes; without nodes it is empty.
func Home(key Key, nodes []string) string {
	best, bestWeight := "", uint64(0)
	for _, n := range nodes {
		w := weight(n, key)
		if best == "" || w > bestWeight || w == bestWeight && n < best {
			best, bestWeight = n, w
		}
	}
	return best
}

// weight is FNV-1a over node and key, finished by a mixer: FNV alone leaves the
// weights of similar names correlated, and one node would get most keys. It must
// never change, or two releases in one cluster propose different homes.
func weight(node string, key Key) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for _, s := range [...]string{node, key.Kind, key.ID} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * prime
		}
		h = (h ^ 0xff) * prime // no name contains this byte: "ab"+"c" is not "a"+"bc"
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
