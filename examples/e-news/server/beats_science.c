/* beats_science.c - space, health, wildlife, archaeology: how the papers write about what was found out
 *
 * What this room is for: see beats.h. Missions, drugs and digs are invented.
 * What must hold: every {word} has a list here or in grammar.c; each subject uses the words that its readers would look for. */
#include "beats.h"

/* ---- space ---- */

static const struct words space_words[] = {
	{ "probe", "Selene-4|Halcyon|Meridian-2|Kepler's "
		   "Lantern|Tycho|Perihelion|Nightingale|Argos-7|Vesper" },
	{ "body",
	  "Europa|Enceladus|Mars|Titan|the asteroid Hestia|Ganymede|the Moon's south pole|Venus" },
	{ "rocket", "Tern-9|Albatross|Ariel Heavy|Stormbird|Petrel-2" },
	{ "finding",
	  "plumes of water ice|organic molecules|a hidden lava tube|traces of phosphorus|a young "
	  "crater|salt deposits" },
	{ "telescope",
	  "Very Long Array|Southern Mirror|Atacama Survey|Orbital Infrared Observatory" },
	{ "agency",
	  "European Space Agency|mission control|the observatory in Chile|the launch team" },
	{ 0 },
};

const struct beat beat_space = {
	.slug = "space",
	.name = "Space",
	.papers = "Orbit|The Apogee|Deep Field|Launch Window|Perigee Post|Red Planet Record|Starboard|Night "
		  "Sky News|Lagrange|Parallax",
	.lists = space_words,
	.stories = {
		"HProbe {probe} finds {finding} on {body}\n"
		"H{^finding}: what {probe} saw [at|near] {body}\n"
		"LThe spacecraft {probe} has found {finding} on {body}. Its instruments measured them during a flyby at "
		"{a:40-900} kilometres, planetary scientists [reported|announced] on {weekday}.\n"
		"PThe data took {b:40-95} minutes to reach Earth, and {c:3-11} days to be read: the antenna sends fewer bits a "
		"second than a modem of the nineties.\n"
		"PTwo cameras and a spectrometer agree, said {first} {last}, who leads the science team in {city}. A third instrument "
		"was switched off because of radiation.\n"
		"PThe next flyby, in {month}, goes {d:20-35} kilometres lower. It is the last before the spacecraft's fuel is "
		"used up.\n",

		"HRocket {rocket} [reaches orbit|flies] at the {nth} attempt\n"
		"H{rocket} lifts off: [a new rocket for small satellites|{b:8-30} satellites in orbit]\n"
		"LThe rocket {rocket} has reached orbit at its {nth} attempt and released {b:8-30} small satellites at an altitude of "
		"{c:480-620} kilometres. The launch from the coast of {country} was watched by {d:5-40} thousand people.\n"
		"PThe first stage came back to a barge in the sea. One of its {few} engines had shut down early; the "
		"others burned longer, as the computer decided in {e:80-400} milliseconds.\n"
		"P{first} {last}, who directs the launch team, expects {f:6-18} flights a year, and half of the "
		"present price for a kilogram in orbit.\n"
		"PAmong the satellites are one that watches forest fires and one that was built by students in {city}.\n",

		"HAstronomers see a planet [in the making|like a young Earth], {a:90-800} light-years away\n"
		"HA star, a ring of dust, and a planet [being born|that should not exist]\n"
		"LWith the {telescope}, astronomers have photographed a planet that is still growing, {a:90-800} light-years from Earth. It "
		"circles a young star in a gap of its dust disc and has {b:2-9} times the mass of Jupiter.\n"
		"PSuch gaps have been known for years; until now nobody had seen what sweeps them clean. The light "
		"shows hydrogen falling onto the planet, said {first} {last}, an astronomer in {city}.\n"
		"PThe team removed the star's glare with a mask no larger than a grain of salt, and stacked {c:900-6000} exposures.\n"
		"PModels of how planets form expected giants that far out to take {d:3-20} times as long.\n",

		"HDebris: satellite {probe} [dodges|evades] a dead rocket stage by {a:60-400} metres\n"
		"HTraffic rules for orbit? A near miss [says yes|makes the case]\n"
		"LThe Earth observation satellite {probe} had to fire its thrusters on {weekday} to avoid a dead rocket stage. It passed at a "
		"distance of {a:60-400} metres, and at {b:11-15} kilometres a second.\n"
		"PMore than {c:28-39} thousand pieces of debris are tracked from the ground. Operators received {d:200-900} "
		"collision warnings last month, most of them false.\n"
		"PA mission that would catch old stages with a net is planned for {e:2028-2031}. Who pays for it is open, "
		"said {first} {last}, a lawyer for space matters in {city}.\n"
		"PThe manoeuvre cost {probe} fuel for about {few} weeks of observation.\n",

		"HAstronauts [grow|harvest] {a:3-9} kilograms of tomatoes [in orbit|on the station]\n"
		"HSalad for {body}: [what grows|gardening] in weightlessness\n"
		"LThe crew of the space station has harvested {a:3-9} kilograms of tomatoes and peppers, the first that were grown without soil "
		"and almost without water in orbit. They are meant for flights to {body}.\n"
		"PRoots hang in mist, and light comes from diodes of two colours. The garden uses {b:90-97}% less water than a "
		"field, according to {agency}.\n"
		"PTaste was the surprise: in weightlessness, fluids rise to the head and food seems bland. \"The peppers were "
		"hot enough to notice,\" said astronaut {first} {last}.\n"
		"PA flight there and back takes {c:20-33} months; vitamins in packed food do not last that long.\n",
	},
	.background =
		"Spacecraft that leave Earth orbit navigate by stars and by the delay of their radio signals.\n"
		"A mission of that class costs between {z:300-500} and {y:600-900} million euros, including the launch.\n"
		"Planetary scientists look for liquid water first, because all life that is known needs it.\n"
		"The results will be reviewed before they appear in an astronomy journal; raw images are public.\n"
		"Satellites in low orbit circle Earth in about ninety minutes.\n"
		"Telescopes on the ground see through the atmosphere's flicker with mirrors that bend a thousand times a "
		"second.",
	.voices =
		"\"We sent a camera and got back a question,\" said {first} {last}.\n"
		"\"Space is not hard. Getting there without shaking everything to pieces is,\" {last} said.\n"
		"\"For a second nobody in the control room breathed. Then the telemetry came,\" said {last}.\n"
		"\"The orbit is a commons, and we treat it as a car park,\" said {last}.",
};

/* ---- health ---- */

static const struct words health_words[] = {
	{ "disease",
	  "migraine|type 2 diabetes|asthma|malaria|high blood pressure|arthritis|long Covid|"
	  "depression|heart failure|Lyme disease" },
	{ "illness",
	  "migraine|type 2 diabetes|high blood pressure|heart failure|depression|dementia" },
	{ "drug", "once-a-week injection|nasal spray|weekly infusion|tablet|vaccine|skin patch" },
	{ "hospital", "St. Lucia hospital|the university clinic|Charity Hospital|the Institute of "
		      "Public Health|the "
		      "children's hospital" },
	{ "habit", "{q:6-9} thousand steps a day|a short nap after lunch|two cups of "
		   "coffee|strength training twice a "
		   "week|a handful of nuts a day|regular bedtimes" },
	{ "job", "neurologist|epidemiologist|general "
		 "practitioner|cardiologist|paediatrician|immunologist" },
	{ 0 },
};

const struct beat beat_health = {
	.slug = "health",
	.name = "Health",
	.papers = "The Ward Round|Pulse|Second Opinion|Vital Signs|Bedside|The Check-up|Dose|Triage|Healthy "
		  "Doubt|Clinic Times",
	.lists = health_words,
	.stories = {
		"H{^drug} [halves|cuts] attacks of {disease} in large trial\n"
		"HNew {drug} against {disease} [passes|clears] its last hurdle\n"
		"LA {drug} has reduced the symptoms of {disease} by {a:38-62}% in a trial with {b:800-4000} patients. Side effects were mild, "
		"doctors at {hospital} in {city} report.\n"
		"PHalf of the patients received a placebo, and neither they nor their doctors knew who. After {c:6-18} months the "
		"difference was clear enough to end the study early.\n"
		"PThe treatment does not help everybody: {d:15-30}% of patients did not respond. A blood test that predicts it is "
		"being developed, said {first} {last}, a {job}.\n"
		"PRegulators will decide by {month}. Health insurers want to know the price first.\n",

		"H[Study|Large study]: {habit} and the risk of {illness}\n"
		"HWhat {habit} [do|does] for your health, in numbers\n"
		"LPeople with a simple habit, {habit}, have a {a:12-35}% lower risk of {illness}. That is the result of a study that "
		"followed {b:20-90} thousand adults for {c:7-15} years.\n"
		"PThe effect was largest in people over {d:50-65} and levelled off soon: more is not better. The researchers allowed for "
		"smoking, income and weight.\n"
		"PA study of that kind cannot prove the cause, cautions {first} {last}, a {job} at {hospital}. But experiments with blood "
		"values point the same way.\n"
		"PThe authors advise to begin small, and to see a doctor before changing any medicine.\n",

		"H{city} [fights|tackles] {disease} with [nurses who visit|visits at home]\n"
		"HFewer emergencies: a nurse for every patient with {disease}\n"
		"LIn {city}, nurses visit patients with {disease} at home once a week. Emergency admissions have fallen by {a:18-44}% since the "
		"programme began, {hospital} reports.\n"
		"PThe nurses check doses, measure blood pressure and look into the refrigerator. {b:3-9} of ten problems "
		"they find are mistakes with medicines.\n"
		"PThe visits cost {c:40-95} euros each, a day in hospital {d:500-900}. Health insurers in {country} want to "
		"take over the model.\n"
		"P\"Most of medicine is noticing things early,\" said {first} {last}, the {job} who started it.\n",

		"HWaiting times for [surgery|specialists] in {country} [reach|rise to] {a:12-40} weeks\n"
		"HThe long wait: patients in {country} [queue|wait] for a doctor\n"
		"LPatients in {country} now wait {a:12-40} weeks for an appointment with a specialist, {b:2-9} weeks longer than two years ago. "
		"Hospitals lack nurses above all, a report [published|released] on {weekday} says.\n"
		"P{c:4-19} thousand posts are vacant. {hospital} in {city} has closed {d:20-90} beds although the operating theatres "
		"are free.\n"
		"PThe health ministry wants to train more staff and to let pharmacists vaccinate. Doctors ask for less "
		"paperwork: {e:2-4} hours of a shift.\n"
		"PFor patients with {disease} the wait can do harm, said {first} {last}, a {job}.\n",

		"HOutbreak of [measles|whooping cough] in {city}: {a:40-190} cases\n"
		"HVaccination gaps: {city} [counts|reports] {a:40-190} infections\n"
		"LHealth authorities in {city} have counted {a:40-190} infections within {few} weeks, most of them in children who "
		"were not vaccinated. Schools stay open, and mobile teams vaccinate in {b:20-80} of them.\n"
		"PThe vaccination rate had fallen to {c:81-91}%; against an outbreak, 95% are needed. {first} {last}, a {job} "
		"at {hospital}, speaks of missed appointments rather than of refusal.\n"
		"P{d:5-30} patients had to be treated in hospital. All have recovered.\n"
		"PThe virus was probably brought back from a holiday. Travellers should check their vaccination "
		"record.\n",
	},
	.background =
		"Clinical trials compare a treatment with a placebo, so that hope alone does not count as an effect.\n"
		"Doctors advise patients not to stop any medicine without asking.\n"
		"About one adult in {z:8-14} lives with the disease, many of them without knowing.\n"
		"The study was paid for by public money and appeared in a medical journal.\n"
		"Prevention is cheaper than treatment, but its patients never know that they were spared.\n"
		"Hospitals and health insurers have agreed to share anonymous data for such studies.",
	.voices =
		"\"It is not a cure. It is a normal week, and patients had forgotten what that is,\" said {first} {last}.\n"
		"\"The best pill is the one that is taken,\" {last} said.\n"
		"\"We should talk about sleep as seriously as about blood pressure,\" said {last}.\n"
		"\"Good news in medicine comes in percent, not in miracles,\" said {last} of {hospital}.",
};

/* ---- wildlife ---- */

static const struct words wildlife_words[] = {
	{ "animal",
	  "lynx|beavers|sea eagles|grey seals|wolves|sturgeon|otters|white storks|bison|monk seals|"
	  "black vultures|wild salmon" },
	{ "sea",
	  "the North Sea|the Adriatic|the Baltic|the Bay of Biscay|the Wadden Sea|the Aegean" },
	{ "habitat", "seagrass meadow|peat bog|beech forest|coral reef|river delta|salt marsh" },
	{ "insect", "wild bees|moths|mayflies|dragonflies|ground beetles" },
	{ "expert", "marine biologist|bird expert|park ranger|zoologist|forest scientist" },
	{ 0 },
};

const struct beat beat_wildlife = {
	.slug = "wildlife",
	.name = "Wildlife",
	.papers = "The Hide|Tidepool|Feather & Fur|Wild Coast|Field Notes|Undergrowth|Migration|The "
		  "Naturalist|Saltmarsh|Antler",
	.lists = wildlife_words,
	.stories = {
		"H{^animal} [return to|are back in] {country} after {a:60-190} years\n"
		"HThe return of the wild: {animal} in {country}\n"
		"L{^animal} live in {country} again, {a:60-190} years after the last ones were killed there. Camera traps showed "
		"{b:3-14} animals with young, biologists [reported|confirmed] on {weekday}.\n"
		"PThey came across the border on their own. A forest that was left alone, and a ban on hunting, were enough, said "
		"{first} {last}, a {expert}.\n"
		"PFarmers get {c:100-600} euros for each animal lost, and money for fences and dogs. In {d:4-9} of ten cases the "
		"culprit was a fox.\n"
		"PThe population needs about {e:50-90} adults to last. Young ones from {country2} may be set free in {month}.\n",

		"H{a:40-180} whales counted in {sea}, [more than ever|a record]\n"
		"HWhales [are coming back|return] to {sea}\n"
		"LMarine biologists have counted {a:40-180} whales in {sea}, twice as many as {b:8-15} years ago. Aeroplanes, drones and {c:12-40} "
		"underwater microphones took part in the survey.\n"
		"PLess fishing with drift nets and slower ships are the likely reasons. Calves were seen in {few} places.\n"
		"PNoise remains a danger: whales that hear sonar dive too fast. {first} {last}, a {expert}, asks for quiet zones "
		"during the migration.\n"
		"PWho meets a whale should stop the engine and keep {d:100-300} metres away.\n",

		"HA {habitat} [comes back to life|recovers] off {city}\n"
		"HHow volunteers [saved|planted] a {habitat}\n"
		"LNear {city}, a {habitat} has grown back to {a:30-95} hectares within {b:6-15} years. Volunteers had planted it by hand; "
		"{c:60-170} species of fish, birds and insects have returned.\n"
		"PIt stores {d:2-9} times as much carbon as a forest of the same size and breaks the waves in storms.\n"
		"PThe first attempts failed because crabs and geese ate the seedlings. Nets made of potato starch, which rot "
		"within a year, solved the problem, said {first} {last}, a {expert}.\n"
		"PThe nature reserve will be closed to boats from {month} to August, while {animal} have their young.\n",

		"HCount of {insect}: {a:18-45}% fewer than {b:10-25} years ago\n"
		"HThe silence of the meadows: where are the {insect}?\n"
		"LIn meadows across {country}, ecologists have found {a:18-45}% fewer {insect} than {b:10-25} years ago. The loss is smallest where farmers "
		"leave strips of flowers along their fields.\n"
		"PVolunteers examined {c:300-900} sites with the same nets and at the same hours as in the first survey.\n"
		"PPesticides, light at night and early mowing all play a part. A strip of {d:3-9} metres is enough "
		"to bring back half of the species, said {first} {last}, a {expert}.\n"
		"PBirds that feed on {insect} decline as well; only in nature reserves are their numbers stable.\n",

		"HBirds on the wrong day: migration [shifts by|begins] {a:6-19} days [early|earlier]\n"
		"HRings, radar and {animal}: [how climate moves|what moves] migration\n"
		"LMigratory birds return to {country} {a:6-19} days earlier than in the eighties, data from {b:200-900} thousand ringed animals "
		"show. Caterpillars, which their chicks need, are earlier still.\n"
		"PRadar stations that were built for the weather count the flocks at night. On the best night, {c:3-19} million birds crossed the "
		"coast near {city}.\n"
		"PSpecies that spend the winter nearby adapt; those that cross the Sahara cannot know what the spring is like, "
		"explained {first} {last}, an ornithologist.\n"
		"PHedges, ponds and dead trees help them all, also in gardens.\n",
	},
	.background =
		"Biologists estimate populations from tracks, camera traps and traces of DNA in water.\n"
		"About {z:15-30}% of the country's land is protected, on paper; rangers look after a third of that.\n"
		"Species return faster than expected where hunting and fishing stop and the habitat is left.\n"
		"The survey is repeated every {few} years with the same methods.\n"
		"Visitors are asked to keep dogs on a lead during the breeding season.\n"
		"An ecosystem with its predators has more species of plants, too, because deer and hares keep moving.",
	.voices =
		"\"Nature does not need our help so much as our absence,\" said {first} {last}.\n"
		"\"I have waited for this picture for {y:12-28} years,\" {last} said.\n"
		"\"You protect an animal by protecting what it eats and where it sleeps,\" said {last}.\n"
		"\"The sea forgives a lot if you give it ten years,\" said {last}.",
};

/* ---- archaeology ---- */

static const struct words archaeology_words[] = {
	{ "era", "Bronze Age|Roman|Viking|Neolithic|Minoan|medieval|Celtic|Byzantine" },
	{ "find",
	  "burial chamber|shipwreck|hoard of {k:90-900} coins|mosaic floor|workshop of a goldsmith|"
	  "bathhouse|wooden road|library of wax tablets" },
	{ "place", "under a car park in {city}|in a field near {city}|off the coast of "
		   "{country}|in a cave in "
		   "{country}|below the cathedral of {city}" },
	{ "method", "ground radar|DNA from teeth|tree rings|a scanner made for luggage|laser maps "
		    "from the air" },
	{ "museum", "the National Museum|the City Museum of {city}|the Institute of Antiquity|the "
		    "Maritime Museum" },
	{ 0 },
};

const struct beat beat_archaeology = {
	.slug = "archaeology",
	.name = "Archaeology",
	.papers = "The Trench|Strata|Antiquary|Potsherd|Dig Diary|Old Stones|Trowel & Brush|Relic|The "
		  "Excavation|Palimpsest",
	.lists = archaeology_words,
	.stories = {
		"H{^era} {find} [found|discovered] {place}\n"
		"HWorkers [hit upon|come across] a {era} {find}\n"
		"LArchaeologists have uncovered a {era} {find} {place}. It is {a:1200-3400} years old and better preserved than any other "
		"from that time in the region.\n"
		"PWorkers laying a pipe had noticed dark earth and stopped. The excavation took {few} weeks, under a tent, with {b:8-25} "
		"people.\n"
		"PPottery and seeds date the site to within {c:10-40} years. {first} {last}, who directs the dig, believes that it was "
		"closed on purpose, and in a hurry.\n"
		"PThe finds go to {museum}, where conservators will need {d:2-6} years. Some will be shown in {month}.\n",

		"HWhat {method} [tells|reveals] about a {era} [family|village]\n"
		"HRelatives from the {era} past: [a grave|a village] speaks\n"
		"LWith {method}, researchers have reconstructed how a {era} community lived near {city}. {a:20-90} graves belong to {b:3-7} "
		"generations of two families, a study [published|released] on {weekday} shows.\n"
		"PMen stayed, women came from up to {c:200-800} kilometres away. Children were buried with toys and with the same food as "
		"adults.\n"
		"PThe people had meat on feast days only, and {d:1-9} of ten adults had toothache, said {first} {last}, an "
		"anthropologist at {museum}.\n"
		"PTwo graves do not fit: their dead grew up by the sea and wore glass beads from the East.\n",

		"H{^era} shipwreck: divers [raise|bring up] {a:90-700} amphorae\n"
		"HA cargo that never arrived: {era} wreck off {country}\n"
		"LDivers have raised {a:90-700} amphorae from a {era} ship that sank off the coast of {country}. It lies at {b:28-70} metres and was on its "
		"way with wine, oil and fish sauce.\n"
		"PThe hull's oak planks survived in mud. Stamps on the jars name merchants that are known from {city}.\n"
		"PA robot photographed the wreck {c:3000-9000} times; from the pictures comes a model in which every jar has its place, said "
		"{first} {last}, an underwater archaeologist.\n"
		"PResidue in the jars will be analysed by {museum}. Looters had taken {d:20-60} of them before the site was guarded.\n",

		"HAncient {era} letter [read|deciphered] without unrolling it\n"
		"HA scanner reads what {a:1200-1900} years had closed\n"
		"LResearchers have read a {era} letter that is too brittle to be opened. They used a hospital's scanner and a program that finds ink by its "
		"texture; {b:300-900} words became visible.\n"
		"PThe writer asks a brother for money and for socks. He complains about the food, the weather and a commander who "
		"cannot count.\n"
		"PThe scroll was found {place} and had been kept in a drawer of {museum} for {c:60-140} years.\n"
		"P{d:40-300} similar scrolls are waiting. It takes {few} days to read one, said {first} {last}, a historian.\n",

		"HAn old wall {place} is [older than thought|{a:300-900} years older than believed]\n"
		"HRewriting {city}'s beginnings: a {era} wall\n"
		"LA wall that everybody took for medieval is {a:300-900} years older, new dating with {method} shows. It belonged to a {era} town "
		"of about {b:2-9} thousand people.\n"
		"PTimbers below the stones were cut in one winter. The town burned down {c:40-120} years later and was forgotten.\n"
		"PHistorians had known its name from a list of taxes only. \"We were looking for it on the wrong side of the river,\" said "
		"{first} {last} of {museum}.\n"
		"PThe excavation can be visited until {month}; a path leads over the trenches.\n",
	},
	.background =
		"Archaeologists leave part of each site untouched, for those who will have better methods.\n"
		"Radiocarbon dates are exact to a few decades; tree rings to the season.\n"
		"Finds belong to the state; who reports one receives a reward.\n"
		"The excavation is paid for by the builder of the site, as the heritage law demands.\n"
		"Most of what was made of wood, leather or cloth has rotted: what lasts is bone, stone and pottery.\n"
		"Of the ancient settlements in the region, {z:5-12}% have been excavated.",
	.voices =
		"\"We found what people throw away. It is more honest than what they write,\" said {first} {last}.\n"
		"\"Gold is nice. I would give it for a rubbish heap with layers,\" {last} said.\n"
		"\"Someone put a hand on this clay before it was dry,\" said {last}.\n"
		"\"History is what was written down, archaeology is the rest,\" said {last}.",
};
