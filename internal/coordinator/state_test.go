package coordinator

import (
	"testing"

	"teiserver/internal/account"
	"teiserver/internal/cluster/process"
)

func TestSummaryIsTheAccountOnline(t *testing.T) {
	m, err := NewKind(7).Open(t.Context(), ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := account.Resident{ID: 7, Name: Name, Country: Country, Client: Client}
	if got := m.(process.Summarizer).Summary(); got != want {
		t.Errorf("summary %+v, want %+v", got, want)
	}
}
