package bridge

import (
	"encoding/json"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func TestReadHint(t *testing.T) {
	id, err := readHint(hint(orderID(1), 1), "a", "b")
	require.NoError(t, err)
	require.Equal(t, orderID(1), id)

	written := hint(orderID(1), 1)
	written.data, err = json.Marshal(contracts.Hint{ID: orderID(1), Version: "a.7kq2mz:1042", State: "UPD", Side: "a", Peer: "b", Time: time.Now().UTC()})
	require.NoError(t, err)
	require.True(t, asWritten(written.data, orderID(1), "a", "b"), "as a service writes it")
	for _, other := range [][3]string{{orderID(2), "a", "b"}, {orderID(1), "c", "b"}, {orderID(1), "a", "c"}} {
		require.False(t, asWritten(written.data, other[0], other[1], other[2]))
	}
	id, err = readHint(written, "a", "b")
	require.NoError(t, err)
	require.Equal(t, orderID(1), id)

	newer := hint(orderID(1), 1)
	newer.data = []byte(`{"id":"` + orderID(1) + `","side":"a","peer":"b","somethingNew":true}`)
	_, err = readHint(newer, "a", "b")
	require.NoError(t, err, "a newer service may say more")

	for name, m := range map[string]*hintOf{
		"no JSON":        {id: orderID(1), data: []byte("hello")},
		"empty":          {id: orderID(1)},
		"another order":  {id: orderID(2), data: hint(orderID(1), 1).data},
		"not an id":      hint("order-1", 1),
		"an id in part":  hint(orderID(1)[:35]+".", 1),
		"another peer":   {id: orderID(1), data: []byte(`{"id":"` + orderID(1) + `","side":"a","peer":"c"}`)},
		"another side":   {id: orderID(1), data: []byte(`{"id":"` + orderID(1) + `","side":"c","peer":"b"}`)},
		"a hidden side":  {id: orderID(1), data: []byte(`{"id":"` + orderID(1) + `","version":"\",\"side\":\"a\",\"peer\":\"b\",\"time\":\"","side":"c","peer":"b","time":"2026-11-29T08:00:00Z"}`)},
		"an array of it": {id: orderID(1), data: []byte(`[1]`)},
	} {
		_, err := readHint(m, "a", "b")
		require.Error(t, err, name)
	}
}

func TestDelayGrowsWithTheDeliveriesOfTheNewestHint(t *testing.T) {
	for deliveries, ceiling := range map[int]time.Duration{0: time.Second, 1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 6: 30 * time.Second, 1000: 30 * time.Second} {
		o := &order{hints: []message{hint(orderID(1), 2000), hint(orderID(1), deliveries)}}
		for range 50 {
			d := o.delay(30 * time.Second)
			require.LessOrEqual(t, d, ceiling)
			require.GreaterOrEqual(t, d, ceiling/2)
		}
	}
}

func TestKeepAliveTellsOnlyOfWhatIsInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held, gone := hint(orderID(1), 1), hint(orderID(2), 1)
		orders := []*order{{hints: []message{held}}, {hints: []message{gone}, released: atomic.Bool{}}}
		orders[1].released.Store(true)
		stop := keepAlive(orders, 10*time.Second)
		time.Sleep(35 * time.Second)
		stop()
		require.Equal(t, 3, held.progress)
		require.Zero(t, gone.progress)
	})
}

func FuzzReadHint(f *testing.F) {
	f.Add(orderID(1), hint(orderID(1), 1).data)
	f.Add("x.y", []byte(`{"id":"x.y","side":"a","peer":"b"}`))
	f.Fuzz(func(t *testing.T, id string, data []byte) {
		if got, err := readHint(&hintOf{id: id, data: data}, "a", "b"); err == nil {
			require.Equal(t, id, got)
			require.True(t, isUUID(id))
		}
	})
}
