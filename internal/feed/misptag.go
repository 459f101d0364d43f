package feed

import (
	"encoding/json"
	"strings"

	"spoor/internal/ioc"
)

// mispMarks is what tags and galaxies come to.
type mispMarks struct {
	tlp                        ioc.TLP
	confidence                 ioc.Confidence
	tags, families, techniques []string
}

// add reads one tag: a marking, a machine tag (namespace:predicate="value"),
// or a word.
func (m *mispMarks) add(tag string) {
	tag = strings.TrimSpace(tag)
	if t := parseTLP(tag); t != 0 && hasPrefixFold(tag, "tlp") {
		m.tlp = max(m.tlp, t)
		return
	}
	name, value, _ := strings.Cut(tag, "=")
	value = strings.Trim(value, `"`)
	namespace, predicate, _ := strings.Cut(strings.ToLower(name), ":")
	switch {
	case value == "":
		m.tags = addTags(m.tags, tag)
	case namespace == "misp-galaxy":
		m.cluster(predicate, value)
	case namespace == "misp" && predicate == "confidence-level",
		namespace == "estimative-language" && predicate == "confidence-in-analytic-judgment":
		m.confidence = max(m.confidence, mispConfidence[strings.ToLower(value)])
	default:
		m.tags = addTags(m.tags, name+"="+value)
	}
}

// mispConfidence gives the words of both taxonomies of confidence.
//
//nolint:gochecknoglobals // read-only
var mispConfidence = map[string]ioc.Confidence{
	"completely-confident": ioc.High, "usually-confident": ioc.High, "fairly-confident": ioc.Medium,
	"rarely-confident": ioc.Low, "unconfident": ioc.Low,
	"high": ioc.High, "moderate": ioc.Medium, "low": ioc.Low,
}

// mispGalaxy is one galaxy of an event or an attribute.
type mispGalaxy struct {
	Type    text `json:"type"`
	Cluster []struct {
		Type  text `json:"type"`
		Value text `json:"value"`
	} `json:"GalaxyCluster"`
}

// mispGalaxies are galaxies, or none when they are not written as such: they
// say nothing of the marking.
type mispGalaxies []mispGalaxy

// UnmarshalJSON never fails on valid JSON.
func (g *mispGalaxies) UnmarshalJSON(raw []byte) error {
	var list []mispGalaxy
	if json.Unmarshal(raw, &list) != nil {
		list = nil
	}
	*g = list
	return nil
}

// clusters adds all clusters of a galaxy.
func (m *mispMarks) clusters(g mispGalaxy) {
	for _, c := range g.Cluster {
		m.cluster(strings.ToLower(either(c.Type, g.Type)), string(c.Value))
	}
}

// cluster reads one cluster: malware and tools are families, attack patterns
// techniques, actors and sectors tags by their names alone; of anything else
// the tag is kept whole.
func (m *mispMarks) cluster(kind, value string) {
	name, id := cutATTACK(value)
	if isUUID(name) {
		// A cluster of the instance's own; its galaxy says the name.
		return
	}
	switch kind {
	case "malpedia":
		m.families = addTags(m.families, malpediaFamily(name))
		return
	case "sector":
		m.tags = addTags(m.tags, name)
		return
	case "malware", "tool", "ransomware", "rat", "backdoor", "botnet", "banker", "stealer", "exploit-kit", "cryptominers", "android":
		m.families = addTags(m.families, family(name))
		return
	}
	switch {
	case strings.HasSuffix(kind, "attack-pattern"):
		m.techniques = addTechnique(m.techniques, id)
	case strings.HasSuffix(kind, "-malware"), strings.HasSuffix(kind, "-tool"):
		m.families = addTags(m.families, family(name))
	case strings.HasSuffix(kind, "threat-actor"), strings.HasSuffix(kind, "intrusion-set"), strings.HasSuffix(kind, "activity-group"):
		m.tags = addTags(m.tags, name)
	default:
		m.tags = addTags(m.tags, "misp-galaxy:"+kind+"="+value)
	}
}

// cutATTACK cuts "Phishing - T1566" into the name and the id; the id is empty
// when there is none.
func cutATTACK(value string) (name, id string) {
	i := strings.LastIndex(value, " - ")
	if i < 0 {
		return value, ""
	}
	if id = strings.TrimSpace(value[i+3:]); isTechnique(strings.ToLower(id)) {
		return value[:i], id
	}
	return value, ""
}

// addTechnique appends an id of a technique, each once, up to maxTags. Ids of
// tactics, software and groups are left out.
func addTechnique(ids []string, id string) []string {
	id = strings.ToUpper(strings.TrimSpace(id))
	if len(id) < 2 || len(id) > maxTagLen || id[0] != 'T' || id[1] == 'A' || !isTechnique(strings.ToLower(id)) {
		return ids
	}
	if len(ids) >= maxTags || contains(ids, id) {
		return ids
	}
	return append(ids, id)
}
