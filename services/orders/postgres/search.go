package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/services/orders"
)

// Upper and lower case and the normal forms of Unicode are made one by orders.Fold and nowhere else, because
// what a database knows of them depends on its locale. The words of an order contain a mark that they were
// folded, the folded number if lower, by which the index of numbers goes, makes another text of it, and the
// number of a third system as it is. No word of a text begins like these.
const (
	folded = `to_tsvector('simple', u.words) || array_to_tsvector(array_remove(ARRAY['=folded', CASE WHEN lower(u.order_number) <> u.folded THEN '#' || u.folded END, CASE WHEN u.ref <> '' THEN '=ref:' || u.ref END], NULL))`
	// The condition is that of the index. Contents are read by a statement after the lock: they may have moved before it.
	lockToIndex = `SELECT id FROM orders WHERE NOT (words @@ '=folded'::tsquery) ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED`
	toIndex     = `SELECT o.id, o.order_number, concat_ws(' ', b.body -> 'customer' ->> 'name', b.body -> 'customer' ->> 'company',
	b.body -> 'customer' ->> 'email', b.body -> 'customer' ->> 'ref'), COALESCE(b.body ->> 'placedAt', ''), COALESCE(b.body ->> 'externalRef', '')
	FROM orders o, LATERAL (SELECT ` + presentBody + ` AS body) b WHERE o.id = ANY($1)`
	setIndexed = `UPDATE orders o SET words = ` + folded + `, placed_at = u.placed_at
	FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[])
	AS u (id, order_number, folded, words, placed_at, ref) WHERE o.id = u.id`
)

// Index prepares at most so many orders that a service of an earlier version stored for searches and lists:
// it folds their words and notes when they were placed. It returns how many; 0 when none is left, or when
// others work on those that are.
func (s *Store) Index(ctx context.Context, most int) (n int, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		ids, err := oneColumn[uuid.UUID](tx.Query(ctx, lockToIndex, most))
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, toIndex, rawIDs(ids))
		if err != nil {
			return err
		}
		var id col[[16]byte]
		var number, foldedNumber, words, ref col[string]
		var placed col[time.Time]
		for rows.Next() {
			var one [16]byte
			var itsNumber, itsWords, at, itsRef string
			if err := rows.Scan(&one, &itsNumber, &itsWords, &at, &itsRef); err != nil {
				return err
			}
			id.add(one)
			number.add(itsNumber)
			foldedNumber.add(orders.Fold(itsNumber))
			words.add(orders.Fold(itsWords))
			placed.add(placedAt(at))
			ref.add(itsRef)
		}
		if n = len(id.v); rows.Err() != nil || n == 0 {
			return rows.Err()
		}
		_, err = tx.Exec(ctx, setIndexed, columns{&id, &number, &foldedNumber, &words, &placed, &ref}.args()...)
		return err
	})
	return n, translate(err, "index orders")
}

// unplaced is the time of orders of which nobody knows when they were placed: lists have them last.
var unplaced = time.Unix(0, 0)

// placedAt reads the time in a stored content.
func placedAt(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return unplaced
	}
	return t
}

// numberIs finds an order by its number as it is.
func numberIs(number string) string {
	return fmt.Sprintf(`lower(o.order_number) COLLATE "C" = lower(%[1]s::text) COLLATE "C" AND o.order_number = %[1]s::text`, number)
}

// refIs finds orders by their number of a third system as it is.
func refIs(args *arguments, ref string) string {
	return "o.words @@ " + args.add("'=ref:"+quoted.Replace(ref)+"'") + "::tsquery"
}

func numberMatching(args *arguments, text string) string {
	low := orders.Fold(text)
	return fmt.Sprintf(hasNumber, args.add(low), args.add(low+string(unicode.MaxRune)))
}

// wordsMatching asks for words that begin like each of a text's, or for a number that begins like it.
func wordsMatching(args *arguments, text string) string {
	text = orders.Fold(text)
	query := args.add(numberQuery(text)) + "::tsquery"
	var words []string
	for word := range strings.FieldsSeq(text) {
		if strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			words = append(words, "'"+strings.NewReplacer(`\`, " ", "'", " ").Replace(word)+"':*")
		}
	}
	if words != nil {
		query = "to_tsquery('simple', " + args.add(strings.Join(words, " & ")) + ") || " + query
	}
	return fmt.Sprintf(hasWords, query)
}

// numberQuery asks for a folded number that begins like a folded text, where lower makes another text of it.
func numberQuery(text string) string { return "'#" + quoted.Replace(text) + "':*" }

// quoted escapes a text within the quotes of a lexeme.
var quoted = strings.NewReplacer(`\`, `\\`, "'", "''")
