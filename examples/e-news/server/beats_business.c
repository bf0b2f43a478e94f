/* beats_business.c - software, energy, markets, cities: how the papers write about work and money
 *
 * What this room is for: see beats.h. Names are invented; places are not.
 * What must hold: every {word} has a list here or in grammar.c; each subject uses the words that its readers would look for. */
#include "beats.h"

/* ---- software ---- */

static const struct words software_words[] = {
	{ "firm", "Lattice|Corvid "
		  "Labs|Quillstack|Northbyte|Hexworks|Plainfold|Tessera|Bramble|Kernelhaus|Opal "
		  "Systems|Driftwood|Mica" },
	{ "product",
	  "database engine|code editor|compiler|package registry|container runtime|build system|"
	  "search index|API gateway|message broker|type checker" },
	{ "language", "Rust|Go|Python|TypeScript|C|Kotlin|Zig" },
	{ "flaw",
	  "buffer overflow|race condition|memory leak|path traversal|deserialisation bug|timing "
	  "side channel" },
	{ "model", "language model|code assistant|speech model|translation model|vision model" },
	{ "role",
	  "chief engineer|lead maintainer|head of infrastructure|security researcher|principal "
	  "developer" },
	{ 0 },
};

const struct beat beat_software = {
	.slug = "software",
	.name = "Software",
	.papers = "The Build Log|Stack & Heap|Commit Weekly|Open Source Courier|Runtime Review|Byte "
		  "Ledger|Patch Notes|The Compiler|Null Pointer|Release Day",
	.lists = software_words,
	.stories = {
		"H{firm} rewrites its {product} in {language} and [cuts latency by|shaves off] {a:30-70}%\n"
		"HA {language} rewrite makes {firm}'s {product} [{times} as fast|faster, and half as "
		"large]\n"
		"L{firm} has replaced its {product} with a version written in {language}, and says that the "
		"slowest requests are {a:30-70}% faster. The code, about {c:40-180} thousand lines, was "
		"published on {weekday} under an open-source licence.\n"
		"PThe old program had grown for {d:8-16} years. According to {first} {last}, {role} at "
		"{firm}, developers spent more time on its {flaw} reports than on new features.\n"
		"PThe team kept the old tests and ran both programs beside each other for {few} months, "
		"comparing every answer. {^few} differences turned out to be bugs in the old code.\n"
		"PMemory use fell from {e:20-48} to {f:3-9} gigabytes a server, so that {firm} could switch "
		"off a third of its machines.\n",

		"H{^flaw} in popular {product} leaves {a:20-90},000 servers exposed\n"
		"HPatch now: {firm} [warns of|finds] a {flaw} in its {product}\n"
		"LA {flaw} in the {product} of {firm} lets attackers run code without a password, security "
		"researchers [warned|reported] on {weekday}. A patch has been released, but some {a:20-90},000 servers "
		"on the internet still run the old version.\n"
		"PThe vulnerability was found by {first} {last}, an independent security researcher in {city}, "
		"with a fuzzer that ran for {b:3-20} nights. It has been in the code for {c:4-11} years.\n"
		"P{firm} advises administrators to update at once and to rotate all keys. The first exploits "
		"were seen {d:4-30} hours after the patch.\n"
		"PThe bug bounty was {e:5-40} thousand euros, which {last} gave to the maintainers of the "
		"open-source library in which the mistake was made.\n",

		"H{firm} [releases|opens up] a {model} small enough for a [laptop|phone]\n"
		"HThe {model} that needs no data centre: {firm} goes small\n"
		"L{firm} has [released|published] a {model} that runs on an ordinary laptop. It has {a:1-8} billion "
		"parameters and answers, in the company's own benchmarks, {b:70-95}% of questions as well as models "
		"ten times its size.\n"
		"PThe weights and the training code can be downloaded. The data cannot: {first} {last}, {role} at "
		"{firm}, said that licences did not allow it.\n"
		"PDevelopers who tried the {model} praised its speed, about {c:20-60} tokens a second, and found that it "
		"still invents function names when a library is rare.\n"
		"PTraining took {few} weeks on {d:64-512} accelerators. {firm} puts the bill at {e:1-9} "
		"million euros.\n",

		"HMaintainers of {language}'s {product} [ask for help|say they are tired]\n"
		"HWho pays for the {product}? Volunteers of {language} [want an answer|speak up]\n"
		"LThe {few} volunteers behind the most used {product} of {language} will stop answering issues at "
		"weekends. Their project is downloaded {a:20-80} million times a week and has a budget of {b:4-30} "
		"thousand euros a year.\n"
		"P\"We are a dependency of everything and an employer of nobody,\" wrote {first} {last}, who has "
		"merged {c:2000-9000} pull requests since {d:2009-2019}.\n"
		"PCompanies answered within hours. {firm} promised to pay two developers; {firm2} offered servers "
		"for continuous integration.\n"
		"PA foundation in {city} now wants to collect money from commercial users, by the number of "
		"builds.\n",

		"H{firm} drops microservices, [goes back to|returns to] one program\n"
		"HOne repository, one binary: how {firm} simplified its {product}\n"
		"L{firm} has merged {a:40-160} services into a single program, and deploys it {b:10-40} times a day. "
		"The cloud bill fell by {c:25-60}%, engineers of the {product} team wrote on their blog.\n"
		"PEach request used to cross {d:9-22} services. Tracing a bug meant reading the logs of all of "
		"them, said {first} {last}, {role} at {firm}.\n"
		"PThe modules are still separate in the source code, and a linter forbids calls that go around "
		"their interfaces.\n"
		"PNot everybody is convinced: {firm2}, which runs a similar {product}, says that its teams would "
		"wait for each other's releases.\n",
	},
	.background =
		"Software projects of that size fail more often because of their dependencies than because of "
		"their own code.\n"
		"In surveys, developers name slow builds and flaky tests as what costs them the most time.\n"
		"{language} has gained users in server programming every year since {z:2016-2021}.\n"
		"The source code, the benchmarks and the tests can be found in the project's public "
		"repository.\n"
		"Open-source licences let anybody use and change the code; few say who answers when it "
		"breaks.\n"
		"The release is available for Linux, macOS and Windows; packages for the usual distributions "
		"follow.",
	.voices =
		"\"Users do not care what a program is written in. They notice when it stops being slow,\" "
		"said {first} {last}.\n"
		"\"The best code of this year is the code that we deleted,\" {last} said at a developer "
		"conference in {city}.\n"
		"\"Read the changelog before you update, and keep the old binary for a week,\" {last} "
		"advises.\n"
		"\"A compiler that says no is cheaper than a pager that says yes,\" said {last}.",
};

/* ---- energy ---- */

static const struct words energy_words[] = {
	{ "utility",
	  "Nordkraft|Helios Grid|Verdance|Tidal Works|Solwind|Estuary Power|Borealis Energy|Ampere "
	  "Nord|Terravolt|Windhaven" },
	{ "source",
	  "wind farm at sea|solar park|pumped-storage plant|battery site|geothermal plant|tidal "
	  "turbine|hydrogen plant" },
	{ "tech",
	  "heat pump|solid-state battery|perovskite solar cell|sodium battery|heat storage tank|"
	  "smart meter" },
	{ "gas", "carbon dioxide|methane" },
	{ "office", "energy ministry|grid operator|climate council|network regulator" },
	{ 0 },
};

const struct beat beat_energy = {
	.slug = "energy",
	.name = "Climate & energy",
	.papers = "The Grid|Kilowatt|Carbon Desk|Windward|Net Zero Times|The Transition|Solar Post|Load "
		  "Curve|Degrees|Green Current",
	.lists = energy_words,
	.stories = {
		"H{utility} [switches on|connects] {country}'s largest {source}\n"
		"H{a:200-900} megawatts: a new {source} for {country}\n"
		"L{utility} has connected a {source} of {a:200-900} megawatts to the grid of {country}, enough electricity "
		"for about {b:150-700} thousand households. It is the largest of its kind in the country.\n"
		"PConstruction took {c:3-7} years and cost {d:300-900} million euros, {e:5-20}% more than planned because "
		"cables and transformers were scarce.\n"
		"PThe {office} expects that the plant will save {f:200-800} thousand tonnes of {gas} a "
		"year, mostly by replacing gas turbines on winter evenings.\n"
		"PFishermen and farmers nearby will receive a share of the income from power sold, a model that {first} "
		"{last} of {utility} calls the reason why nobody went to court.\n",

		"HA {tech} that works [at minus {a:15-30} degrees|in any winter]\n"
		"HEngineers in {city} build a {tech} for cold climates\n"
		"LEngineers in {city} have built a {tech} that keeps {b:80-95}% of its efficiency at minus {a:15-30} "
		"degrees. Field tests in {c:40-200} homes of {country} begin in {month}.\n"
		"PCold has been the weak point of the technology. The new design uses a refrigerant with a low "
		"climate impact and a control that learns a building's heat demand, said {first} {last}.\n"
		"P{utility} will offer it to customers at {d:3-9} thousand euros, before subsidies. The company reckons "
		"with {e:4-9} years until the energy saved has paid for it.\n"
		"PConsumer groups welcomed the price and asked for longer warranties: the {tech} should last "
		"{f:15-25} years.\n",

		"HRecord {month}: {country} [runs|lives] on renewables for {a:60-170} hours\n"
		"HNo coal, no gas: {country}'s grid [passes the test|holds for {a:60-170} hours]\n"
		"LFor {a:60-170} hours in a row, {country} has covered its electricity demand with wind, water and sun "
		"alone. The {office} reported the record on {weekday}; emissions of the power sector fell by {b:30-60}% "
		"against last year.\n"
		"PBatteries took over in the evenings. {utility} discharged {c:400-900} megawatts at peak, more than "
		"the last coal plant had delivered.\n"
		"PWholesale prices were negative for {d:10-40} hours. Critics say that this shows how much "
		"storage and how many power lines are still missing.\n"
		"PThe next test is winter, said {first} {last}, who plans the grid's reserves: weeks of little wind, with "
		"heat pumps running.\n",

		"HSatellites find {gas} leaks at {a:12-60} sites in {country}\n"
		"HThe leaks nobody [reported|wanted to see]: {gas} over {country}\n"
		"LSatellite images show {gas} leaking from {a:12-60} industrial sites in {country}, according to a study "
		"[published|released] on {weekday}. Emissions are {b:2-5} times as high as operators had reported.\n"
		"PMost of the leaks come from valves and compressors that could be mended within a day, write the authors "
		"around {first} {last}, a climate scientist in {city}.\n"
		"PThe {office} announced inspections. From next year, companies must measure emissions with sensors rather than "
		"estimate them.\n"
		"PStopping the {c:10-12} largest leaks would help the climate as much as taking {d:200-900} thousand cars "
		"off the road.\n",

		"H{city} [heats|warms] {a:8-30},000 flats with [waste heat|the river]\n"
		"HDistrict heating from the river: {city} turns off the gas\n"
		"LThe city of {city} heats {a:8-30},000 flats with large heat pumps that draw their warmth from the river and "
		"from a data centre. Gas demand for heating fell by {b:30-70}% in the first winter.\n"
		"PThe {few} machines deliver {c:40-120} megawatts of heat. Electricity comes from a {source} outside the city, "
		"said the operator, {utility}.\n"
		"PHouseholds pay {d:5-25}% less than with gas, as long as power prices stay where they are. Insulation "
		"would help more than any pump, said {first} {last} of the tenants' association.\n"
		"PCities such as {city2} want to follow; the {office} will lend them {e:100-600} million euros.\n",
	},
	.background =
		"Electricity from wind and sun is by now the cheapest source of energy in most countries of "
		"Europe.\n"
		"The energy transition needs power lines above all: permits take longer than construction.\n"
		"Emissions of greenhouse gases have to fall by half within a decade if warming is to stay below two "
		"degrees.\n"
		"Storage capacity of batteries on the grid has doubled every {z:12-20} months.\n"
		"Heating and transport use more energy than all electric appliances together.\n"
		"Climate scientists warn that each year of delay makes the reductions steeper.",
	.voices =
		"\"The cheapest kilowatt-hour is the one at noon. The most valuable is the one at seven in the evening,\" said "
		"{first} {last}.\n"
		"\"Nobody misses the chimney,\" {last} said.\n"
		"\"We do not lack ideas, we lack electricians,\" said {last}.\n"
		"\"The climate does not read our plans. It reads our emissions,\" said {last}.",
};

/* ---- markets ---- */

static const struct words markets_words[] = {
	{ "bank", "Halvorsen Bank|Credito Lario|Banque Meridien|Ostsee Sparkasse|First "
		  "Harbour|Caldwell & Stern|"
		  "Union Alpina|Merchants' Trust" },
	{ "company",
	  "Brandt Logistics|Aurelia Cosmetics|Kestrel Airlines|Norrland Timber|Vito Foods|Castell "
	  "Cement|Orion Retail|Delmar Shipping|Fjord Textiles|Pallas Chemicals" },
	{ "asset", "government bonds|bank shares|copper futures|corporate bonds|technology "
		   "shares|coffee futures" },
	{ "index", "Euro 50|Nordic 30|Continental 100|Small Cap 200" },
	{ "official",
	  "central bank governor|finance minister|chief economist|fund manager|head of trading" },
	{ 0 },
};

const struct beat beat_markets = {
	.slug = "markets",
	.name = "Markets",
	.papers = "The Ticker|Bond Street Journal|Opening Bell|Yield|The Daily Margin|Bulls & Bears|Balance "
		  "Sheet|Capital Letter|Market Close|Basis Point",
	.lists = markets_words,
	.stories = {
		"HCentral bank [cuts|lowers] rates by a quarter point as inflation [eases|falls] to {a:1-3}.{b:1-9}%\n"
		"HCheaper money: interest rates [fall|come down] for the {nth} time\n"
		"LThe central bank has lowered its key interest rate by a quarter of a point. Inflation fell to {a:1-3}.{b:1-9}% in "
		"{month}, and economists expect {d:1-2} more cuts before the end of the year.\n"
		"PYields of {asset} fell at once; the {index} closed {e:1-2}.{f:1-9}% higher, led by banks and "
		"builders.\n"
		"PThe {official}, {first} {last}, warned that wages still rise by {g:3-6}% a year, and that the decision was "
		"not the beginning of a series.\n"
		"PMortgages will become cheaper with a delay of {few} months, analysts of {bank} calculate.\n",

		"H{company} [raises|lifts] its profit forecast [after a strong quarter|again]\n"
		"H{company} earns {a:120-900} million euros, shares [jump|climb] {b:6-19}%\n"
		"L{company} has earned {a:120-900} million euros in the third quarter, {c:12-45}% more than a year ago, and "
		"raises its forecast. Shares rose by {b:6-19}% in early trading.\n"
		"PRevenue grew by {d:4-15}% although prices were hardly raised. Costs of energy and freight fell, said chief "
		"executive {first} {last}.\n"
		"PShareholders will get a dividend of {e:1-4} euros and {f:10-90} cents. {bank} raised its price target and "
		"recommends buying the stock.\n"
		"PThe order book covers the next {few} months. What comes then depends on customers in Asia, where demand has "
		"weakened.\n",

		"H{company} [to buy|agrees to buy] {company2} for {a:2-14} billion euros\n"
		"HMerger: {company} and {company2} [want|plan] to become one\n"
		"L{company} will take over its rival {company2} for {a:2-14} billion euros in cash and shares. Investors of {company2} "
		"are offered a premium of {b:20-48}% on {weekday}'s closing price.\n"
		"PTogether the companies would have a market share of {c:25-45}%. Competition authorities will look closely, "
		"lawyers expect.\n"
		"PThe bid is financed by {bank} with a loan of {d:1-5} billion euros. Ratings agencies put the bonds of both on "
		"review.\n"
		"PUnions fear for {e:800-4000} jobs. \"Savings are in purchasing, not in people,\" said chief "
		"executive {first} {last}.\n",

		"HInvestors [flee from|sell] {asset} as {country} [reports|shows] a larger deficit\n"
		"HA nervous week for {asset}\n"
		"LInvestors have sold {asset} in large amounts after {country} reported a budget deficit of {a:4-8}.{b:1-9}% of its "
		"output. The {index} lost {c:2-4}% within a week, the worst since {month}.\n"
		"PThe risk premium over German bonds rose by {d:20-70} basis points. {bank} speaks of a warning, not of a "
		"crisis.\n"
		"PThe {official}, {first} {last}, promised a budget without new taxes. Traders doubted the arithmetic and kept "
		"selling until the close.\n"
		"PGold and Swiss francs gained. Volumes on the exchanges were {e:30-80}% above their average.\n",

		"HSmall savers [pour|put] {a:3-19} billion euros into index funds\n"
		"HThe quiet winners of the year: funds that do nothing\n"
		"LPrivate savers have put {a:3-19} billion euros into index funds since {month}, more than in any year before. Active "
		"funds lost {b:1-9} billion, figures of the industry's association show.\n"
		"PFees are the reason: {c:10-19} cents for a hundred euros a year, against {d:1-2} euros and {e:20-90} cents for "
		"a portfolio that is managed.\n"
		"PIn the last ten years only {f:8-20}% of active managers beat the {index}, according to {bank}.\n"
		"PRegulators ask what happens in a crash when all hold the same shares. \"They will find out together,\" said "
		"{first} {last}, {official}.\n",
	},
	.background =
		"Investors weigh inflation, interest rates and earnings anew each quarter, and change their minds faster.\n"
		"Turnover on the stock exchanges was {z:10-30}% above last year's.\n"
		"Bond prices move against yields: who buys when rates are high gains when they fall.\n"
		"Analysts had on average expected less, so that many had to correct their estimates.\n"
		"The euro hardly moved against the dollar.\n"
		"Economists expect growth of about one percent this year, with exports as the weak part.",
	.voices =
		"\"Markets had priced in perfection and got something merely good,\" said {first} {last} of {bank}.\n"
		"\"Cash is a position, too,\" {last} told clients.\n"
		"\"One quarter is weather, four are climate,\" said {last}.\n"
		"\"The trend pays, until the day on which it sends the bill,\" said {last}, who has traded {asset} for "
		"{y:15-30} years.",
};

/* ---- cities ---- */

static const struct words cities_words[] = {
	{ "mode", "tram line|night train|cycle highway|bus lane|ferry line|metro extension" },
	{ "spot",
	  "old harbour|ring road|market square|freight yard|bus station|gasworks|river bank" },
	{ "use", "park with {p:300-900} trees|district of wooden houses|library and school|cycle "
		 "route|public swimming pool" },
	{ "mayor", "mayor|city planner|transport councillor|head of the building department" },
	{ "group", "residents' association|cyclists' club|tenants' union|traders' guild" },
	{ 0 },
};

const struct beat beat_cities = {
	.slug = "cities",
	.name = "Cities & transport",
	.papers = "Streetcar|The Commons|Platform Nine|Kerb|Urban Dispatch|Crossings|The Last Mile|Zoning "
		  "Board|Footpath|Interchange",
	.lists = cities_words,
	.stories = {
		"H{city} opens a {mode} to the {spot}\n"
		"HAfter {a:6-19} years of planning: {city}'s new {mode} [is here|opens]\n"
		"L{city} has opened its new {mode} from the main station to the {spot}. The city expects {b:9-60} thousand "
		"passengers a day, and {c:5-20}% fewer cars in the centre.\n"
		"PThe route is {d:4-24} kilometres long and was finished {e:2-14} months late. The bill of {f:60-400} million euros "
		"is shared by the city and the state.\n"
		"PIn the first week the ride is free. Shopkeepers who had protested against the roadworks "
		"handed out coffee at the stops.\n"
		"P{first} {last}, {mayor} of {city}, wants to extend the line to the suburbs by {g:2028-2033}.\n",

		"HFrom {spot} to {use}: {city} [rebuilds its centre|starts again]\n"
		"H{city} turns its {spot} into a {use}\n"
		"LThe {spot} of {city} will become a {use}. The council voted for the plan on {weekday}, with {a:28-45} votes against "
		"{b:9-24}, after {few} public hearings.\n"
		"PCars will lose {c:200-900} parking spaces. The {group} collected {d:4-19} thousand signatures against it, and "
		"almost as many for it.\n"
		"PArchitects from {city2} won the competition. They keep the old paving, and lead rainwater into ponds, so that "
		"the streets nearby stay cooler in summer.\n"
		"PConstruction begins in {month} and costs {e:18-95} million euros, said {first} {last}, {mayor}.\n",

		"H{city} makes [buses and trams|public transport] free for [everyone under {a:18-25}|children and "
		"students]\n"
		"HFree rides in {city}: [what they cost|who uses them]\n"
		"LWho is younger than {a:18-25} travels for free in {city} since the summer. Buses and trams carried {b:9-28}% more "
		"passengers than a year ago, the transport authority reported.\n"
		"PThe experiment costs {c:6-40} million euros a year. Most new passengers used to walk or cycle; a fifth used to "
		"be driven by their parents.\n"
		"PCrowded vehicles in the morning are the price. {d:8-30} more buses are on order, and drivers are being "
		"hired.\n"
		"PThe {group} asks for more frequent service rather than cheap tickets, as {city2} did.\n",

		"HRents in {city} [rise|climb] {a:7-15}% [despite new homes|in a year]\n"
		"HHow {city} [wants to build|plans] {b:3-12},000 flats\n"
		"LRents for new leases in {city} rose by {a:7-15}% within a year. The city wants to answer with {b:3-12},000 flats on its "
		"own land, a third of them for people with low incomes.\n"
		"PThe {spot} and {few} other sites will be built on; heights of up to {c:6-14} storeys are allowed near "
		"stations.\n"
		"PBuilders complain about interest and about rules for parking. {first} {last}, {mayor}, wants to drop "
		"the duty to build garages.\n"
		"PThe {group} doubts that the plan is fast enough: {d:9-40} thousand households are on the waiting list for "
		"public housing.\n",

		"HSpeed limit of 30: {city} counts {a:20-45}% fewer accidents\n"
		"HSlower streets, [safer streets|fewer ambulances]: a year of 30 in {city}\n"
		"LA year after {city} lowered the speed limit to 30 in most streets, the police count {a:20-45}% fewer accidents with "
		"injuries. Noise has fallen by {b:2-4} decibels, and buses are on average {c:20-70} seconds later.\n"
		"PThe city had redrawn {d:90-400} crossings at the same time, with shorter ways for people on foot.\n"
		"PTaxi drivers and the {group} disagree about what it did to journey times. Measurements show "
		"{e:1-3} minutes across the city.\n"
		"P\"Streets are rooms, not pipes,\" said {first} {last}, {mayor} of {city}.\n",
	},
	.background =
		"Cities of that size spend about a tenth of their budget on streets, and another tenth on public "
		"transport.\n"
		"A lane for trams or buses carries as many passengers as five lanes of cars.\n"
		"Planning law gives residents the right to see all documents, and {z:4-12} weeks to object.\n"
		"The number of bicycles counted at the bridges has doubled since {y:2012-2018}.\n"
		"Rents and land prices near a new stop usually rise before the first tram runs.\n"
		"Other cities have sent delegations to look at the streets and at the figures.",
	.voices =
		"\"You do not have to like it on the first day. Come back when the trees have grown,\" said {first} {last}.\n"
		"\"We plan for the passengers who are not there yet,\" {last} said.\n"
		"\"Everybody wants less traffic, and a parking space,\" said {last} of the {group}.\n"
		"\"A good bus is one whose timetable you need not know,\" said {last}.",
};
