package contracts

import "strings"

// currencies are the codes of ISO 4217 that money is or was counted in: those of today, and those that were
// withdrawn since 1999, for orders that are imported.
var currencies = func() map[string]bool {
	codes := map[string]bool{}
	for code := range strings.FieldsSeq(`
		AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
		CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL
		HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL
		MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON
		RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH
		UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
		ATS BEF DEM ESP FIM FRF GRD IEP ITL LUF NLG PTE CYP EEK HRK LTL LVL MTL SIT SKK
		AFA AOK AON AZM BGL BYB BYR CSD CUC ECS GHC MGF MRO MXV MZM ROL RUR SDD SLL SRG STD TJR TMM TPE TRL VEB VEF YUM ZMK ZWD ZWL ZWN ZWR`) {
		codes[code] = true
	}
	return codes
}()

// IsCurrency reports whether an order can be created in a currency. An order that exists is not asked: which codes
// there are changes with the years, and two versions of the program must agree about what is valid.
func IsCurrency(code string) bool { return currencies[code] }
