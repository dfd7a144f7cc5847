package admin

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

func tokenView(t *access.Token) contracts.Token {
	return contracts.Token{
		Name: t.Name, Role: string(t.Role), CreatedAt: t.Created.UTC(), CreatedBy: t.CreatedBy,
		UsedAt: utc(t.Used), ExpiresAt: utc(t.Expires), RevokedAt: utc(t.Revoked),
	}
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

func (p *People) listTokens(w http.ResponseWriter, r *http.Request) {
	if err := httpapi.NewQuery(r).Err(); err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	tokens, err := p.access.Tokens(r.Context())
	if err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	out := contracts.TokenList{Tokens: []contracts.Token{}}
	for i := range tokens {
		out.Tokens = append(out.Tokens, tokenView(&tokens[i]))
	}
	p.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

func (p *People) createToken(w http.ResponseWriter, r *http.Request) {
	var in contracts.NewToken
	if err := httpapi.ReadJSON(r, &in); err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	t, secret, err := p.access.CreateToken(r.Context(), httpapi.ByOf(r), in.Name, access.Role(in.Role), in.ExpiresAt)
	if err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	p.answer(w, r, httpapi.WriteJSON(w, http.StatusCreated, contracts.TokenSecret{Token: tokenView(t), Secret: secret}))
}

func (p *People) revokeToken(w http.ResponseWriter, r *http.Request) {
	t, err := p.access.RevokeToken(r.Context(), httpapi.ByOf(r), chi.URLParam(r, "name"))
	if err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	p.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, tokenView(t)))
}
