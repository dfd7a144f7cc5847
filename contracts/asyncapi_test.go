package contracts_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func TestAsyncAPINamesTheBroker(t *testing.T) {
	require.Equal(t, contracts.HintSubject("{peer}", "{id}"), node(t, "asyncapi.yaml#/channels/hints/address"))
	require.Equal(t, contracts.BridgeSubjectPrefix+"{peer}", node(t, "asyncapi.yaml#/channels/bridges/address"))
	bindings := node(t, "asyncapi.yaml#/channels/hints/description")
	for _, name := range []string{contracts.HintStream, contracts.HintSubjectPrefix + ">", contracts.HintConsumer("{peer}"), contracts.HintSubject("{peer}", ">")} {
		require.Contains(t, bindings, "`"+name+"`")
	}
}

func TestAsyncAPIPayloads(t *testing.T) {
	for message, example := range map[string]string{"Hint": "hint.json", "BridgeReport": "bridge.report.json"} {
		schema := schemaAt(t, "asyncapi.yaml#/components/messages/"+message+"/payload")
		require.NoError(t, checkSchema(t, schema, readFile(t, "examples/"+example)))
	}
}
