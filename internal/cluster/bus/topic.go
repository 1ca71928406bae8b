package bus

import (
	"sort"
	"sync"
)

// TopicInfo is a row of docs/pubsub.md.
type TopicInfo struct {
	Name    string // as published; a part in angle brackets stands for any value
	Purpose string
}

var topics = struct {
	sync.Mutex
	byName map[string]string
}{byName: map[string]string{}}

// RegisterTopic lists a topic, so that docs/pubsub.md can be compared with the
// code, and returns its name. Call it from a package-level var; a name listed
// twice panics. A family of topics is listed once, as "lobby.<id>".
func RegisterTopic(name, purpose string) string {
	topics.Lock()
	defer topics.Unlock()
	if _, dup := topics.byName[name]; dup {
		panic("bus: topic registered twice: " + name)
	}
	topics.byName[name] = purpose
	return name
}

// Topics lists the registered topics in order.
func Topics() []TopicInfo {
	topics.Lock()
	defer topics.Unlock()
	list := make([]TopicInfo, 0, len(topics.byName))
	for name, purpose := range topics.byName {
		list = append(list, TopicInfo{Name: name, Purpose: purpose})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}
