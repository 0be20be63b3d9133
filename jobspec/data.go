package jobspec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
)

// gradeDocument is data/data.json: the data object that PrairieLearn gives to a question's grade function, with its keys in its order.
type gradeDocument struct {
	Params              map[string]any `json:"params"`
	CorrectAnswers      map[string]any `json:"correct_answers"`
	SubmittedAnswers    map[string]any `json:"submitted_answers"`
	FormatErrors        map[string]any `json:"format_errors"`
	PartialScores       map[string]any `json:"partial_scores"`
	Score               float64        `json:"score"`
	Feedback            map[string]any `json:"feedback"`
	VariantSeed         int64          `json:"variant_seed"`
	Options             map[string]any `json:"options"`
	RawSubmittedAnswers map[string]any `json:"raw_submitted_answers"`
	Gradable            bool           `json:"gradable"`
}

// gradeData encodes data/data.json as compact JSON.
func gradeData(q *Question, s *Submission) ([]byte, error) {
	params := object(q.Params)
	maps.Copy(params, s.Params)
	raw := object(s.Answers)
	delete(raw, "_files") // elements make the files out of what was typed; nothing was typed here
	document := gradeDocument{
		Params:              params,
		CorrectAnswers:      object(s.CorrectAnswers),
		SubmittedAnswers:    object(s.Answers),
		FormatErrors:        map[string]any{},
		PartialScores:       map[string]any{},
		Feedback:            map[string]any{},
		VariantSeed:         s.VariantSeed,
		Options:             map[string]any{},
		RawSubmittedAnswers: raw,
		Gradable:            true,
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return nil, fmt.Errorf("encode data.json: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// object is a copy of m that is {} in JSON, not null, where there is nothing.
func object(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return maps.Clone(m)
}
