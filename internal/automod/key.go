package automod

import (
	"crypto/md5" //nolint:gosec // the form in which keys are compared with those of Teiserver
	"encoding/base64"
	"strings"

	"teiserver/internal/moderation"
)

// The properties of programs that are keys.
var propertyKinds = map[string]string{
	"hardware:macAddrHash": moderation.KeyMAC,
	"hardware:sysInfoHash": moderation.KeySystem,
}

// hardwareKeys are made of what hosts report of a machine.
var hardwareKeys = []struct {
	kind  string
	stats []string
}{
	{"hw1", []string{"hardware:cpuinfo", "hardware:gpuinfo", "hardware:osinfo", "hardware:raminfo"}},
	{"hw2", []string{"hardware:cpuinfo", "hardware:gpuinfo", "hardware:osinfo", "hardware:raminfo", "hardware:displaymax"}},
	{"hw3", []string{"hardware:gpuinfo", "hardware:osinfo", "hardware:raminfo", "hardware:displaymax"}},
	{"hw4", []string{"hardware:cpuinfo", "hardware:osinfo", "hardware:gpuinfo", "hardware:displaymax"}},
}

func digest(text string) string {
	sum := md5.Sum([]byte(text)) //nolint:gosec // no secret: the same text has the same key
	return base64.StdEncoding.EncodeToString(sum[:])
}

// loginKeys are those of a login.
func loginKeys(user int64, ip, hash string) (keys []moderation.Key) {
	if ip != "" {
		keys = append(keys, moderation.Key{User: user, Kind: moderation.KeyAddress, Value: digest(ip)})
	}
	if hash = strings.TrimSpace(hash); meaningful(hash) {
		keys = append(keys, moderation.Key{User: user, Kind: moderation.KeyClient, Value: hash})
	}
	return keys
}

// meaningful reports a hash that is not what programs send who know none.
func meaningful(hash string) bool { return strings.Trim(hash, "0 ") != "" }

// keysOfMachine are those of the hardware; a machine of which nothing is known has none.
func keysOfMachine(user int64, stats map[string]string) (keys []moderation.Key) {
	for _, h := range hardwareKeys {
		var b strings.Builder
		for _, name := range h.stats {
			b.WriteString(stats[name])
		}
		if b.Len() > 0 {
			keys = append(keys, moderation.Key{User: user, Kind: h.kind, Value: digest(b.String())})
		}
	}
	return keys
}
