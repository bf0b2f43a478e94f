/* beats_leisure.c - football, food, travel, film: how the papers write about what people do after work
 *
 * What this room is for: see beats.h. Clubs, restaurants and films are invented.
 * What must hold: every {word} has a list here or in grammar.c; each subject uses the words that its readers would look for. */
#include "beats.h"

/* ---- football ---- */

static const struct words football_words[] = {
	{ "club", "{city} United|Rovers|Athletic Porto Velho|Dynamo Gdansk|Real Montejo|Union "
		  "Ghent|Sporting "
		  "Lagos|Wanderers|Albion|Olympique Sainte-Marie" },
	{ "player", "striker {first} {last}|captain {first} {last}|{y:18-21}-year-old {first} "
		    "{last}|goalkeeper "
		    "{first} {last}|midfielder {first} {last}" },
	{ "score", "3-2|2-1|4-3|1-0|2-0|4-1" },
	{ "cup", "cup quarter-final|league derby|Champions League group match|promotion "
		 "play-off|cup semi-final" },
	{ "injury", "torn knee ligament|broken foot|hamstring injury|concussion" },
	{ 0 },
};

const struct beat beat_football = {
	.slug = "football",
	.name = "Football",
	.papers = "The Back Post|Added Time|Touchline|Nil-Nil|The Terrace|Half-Time|Offside|Penalty Spot|Extra "
		  "Time|Away End",
	.lists = football_words,
	.stories = {
		"H{club} [beat|edge past] {club2} {score} with a goal in minute {a:88-94}\n"
		"HLate goal decides {cup}: {club} {score} {club2}\n"
		"L{club} have won the {cup} against {club2} {score}. The decisive goal, in minute {a:88-94}, was scored by {player} before "
		"{b:18-72},000 spectators.\n"
		"PThe visitors had led until the break and hit the post twice. Then coach {first2} {last2} brought on a second striker and "
		"changed to three defenders.\n"
		"PA penalty was given, reviewed on video for {c:3-6} minutes and taken back. {club2} finished with ten players after a red "
		"card.\n"
		"P{club} move up to place {d:2-7} of the table. The next match is the derby on {weekday}.\n",

		"H{club} [sign|buy] {player} for {a:9-85} million euros\n"
		"HTransfer: {player} [joins|leaves for] {club}\n"
		"L{club} have signed {player} from {club2} for {a:9-85} million euros. The contract runs until {b:2029-2031}, and the medical was passed on "
		"{weekday}.\n"
		"PLast season brought {c:11-29} goals and {d:4-15} assists. Scouts praise the first touch and the work against the "
		"ball.\n"
		"PFans of {club2} are angry: their team sold {few} regulars in one summer. The sporting director points to the "
		"debts.\n"
		"PThe new shirt, with number {e:7-29}, was sold out within {f:2-9} hours.\n",

		"H{club} sack their coach after {a:4-9} defeats [in a row|without a goal]\n"
		"HSearch for a coach: {club} [look|start] again\n"
		"L{club} have parted with coach {first} {last} after {a:4-9} defeats in a row. The team is on place {b:16-18} of the league, and the "
		"goalkeeper was the best player in most matches.\n"
		"PThe assistant takes training until a successor is found. Candidates are a former captain and the coach of "
		"{club2}.\n"
		"PPlayers had doubted the tactics in public: a high back line without fast defenders. Injuries did the rest; {c:5-9} "
		"regulars are missing.\n"
		"PThe supporters sang the coach's name for {d:5-15} minutes after the final whistle.\n",

		"HOut until spring: {player} [suffers|has] a {injury}\n"
		"H{club} lose {player} to a {injury}\n"
		"L{club} have to do without {player} for {a:3-8} months. The diagnosis after the {cup} is a {injury}; surgery is planned for {weekday}.\n"
		"PIt happened without a foul, in a turn on wet grass. The stadium's pitch had been criticised by {club2} "
		"before.\n"
		"PThe club now plays with {few} players from its own academy, the youngest of them {b:17-18} years old.\n"
		"PCoach {first2} {last2} asks for fewer matches: it was number {c:41-58} of the season for some of the team.\n",

		"HWomen's league: {a:20-55},000 [fans see|watch] {club} win the title\n"
		"HChampions: the women of {club} [make history|win the league]\n"
		"LThe women of {club} have won the league for the first time, {score} against {club2} before {a:20-55},000 spectators. {^player} "
		"scored twice and was carried from the pitch by the team.\n"
		"PThe club had started its women's section {b:7-14} years ago with volunteers. Today it pays {c:18-26} professionals.\n"
		"PTelevision rights for the league will be sold anew in {month}; experts expect {d:3-6} times the present sum.\n"
		"PIn the Champions League the team meets opponents with five times its budget.\n",
	},
	.background =
		"The league table is close: {z:4-9} points separate the third place from the tenth.\n"
		"Expected goals, the statisticians' measure, were in favour of the other side.\n"
		"Season tickets are sold out; the waiting list for the stadium has {y:3-30} thousand names.\n"
		"The referee stood by the decision after watching the video.\n"
		"Supporters travel with {few} special trains to the next away match.\n"
		"The coach praised the defenders, who won two thirds of their tackles.",
	.voices =
		"\"We ran more, we suffered more, and in the end the ball wanted to go in,\" said coach {first2} {last2}.\n"
		"\"A point away is a point. Three are better,\" {last2} said.\n"
		"\"In the dressing room nobody sat down,\" said the captain after the final whistle.\n"
		"\"I saw the keeper move and put it in the other corner,\" said the goalscorer.",
};

/* ---- food ---- */

static const struct words food_words[] = {
	{ "dish", "sourdough bread|fish soup|dumplings|risotto|lentil stew|rice "
		  "noodles|flatbread|plum cake|ramen|"
		  "mushroom pie" },
	{ "ingredient",
	  "wild garlic|smoked paprika|chickpeas|sea salt|brown butter|fermented cabbage|saffron|"
	  "quinces|black sesame|preserved lemons" },
	{ "venue", "Kitchen Nine|La Serra|The Copper Pot|Mesa Larga|Zum Anker|Osteria Bruna|Salt & "
		   "Stone|Little "
		   "Plum" },
	{ "cook", "chef|baker|cookbook author|pastry chef|cheesemaker" },
	{ "drink", "natural wine|cider|cold-brew coffee|kombucha|sherry" },
	{ 0 },
};

const struct beat beat_food = {
	.slug = "food",
	.name = "Food",
	.papers = "The Larder|Simmer|Fork & Knife|Crumb|Second Helping|The Spice Route|Bitter Sweet|Slow Oven|"
		  "Market Basket|Mise en Place",
	.lists = food_words,
	.stories = {
		"HThe secret of {dish} [is|lies in] {ingredient}\n"
		"HHow to cook {dish} with {ingredient}, [step by step|in {a:25-55} minutes]\n"
		"LGood {dish} needs little more than time and {ingredient}. {first} {last}, a {cook} in {city}, shows how it is done at home, in {a:25-55} "
		"minutes and with one pot.\n"
		"PFirst roast {ingredient} gently in oil until the kitchen smells of it. Add onions, a spoonful of sugar and {b:2-6} cloves of garlic, and "
		"let them soften without colour.\n"
		"PThe heat is what most cooks get wrong: low, with a lid, and no stirring for the first {c:8-18} minutes. Salt comes at the "
		"end.\n"
		"PServe with butter, lemon and bread. What is left tastes better the next day, fried in a pan.\n",

		"HRestaurant {venue} [wins|earns] a star with {dish}\n"
		"HA table at {venue}: [{dish}, and no menu|worth the wait]\n"
		"LThe restaurant {venue} in {city} has won its first star. {first} {last}, the {cook}, serves {a:5-9} courses to {b:14-30} guests, and {dish} with "
		"{ingredient} is the one that nobody forgets.\n"
		"PThere is no menu. Vegetables come from a garden {c:4-20} kilometres away, and what is not ripe is not on the plate.\n"
		"PWith it comes {drink}, by the glass, chosen by a sommelier who asks what you ate for breakfast.\n"
		"PThe menu costs {d:58-140} euros; tables are given out on the first of {month}, and are gone by noon.\n",

		"HHarvest of {ingredient} [fails|falls short]: prices [climb|rise by {a:30-90}%]\n"
		"HA bad year for {ingredient}, [and what to cook instead|and for those who love it]\n"
		"LKitchens will have to do with less {ingredient} this year. After a dry spring the harvest in {country} was {b:30-60}% smaller, and prices "
		"at the market in {city} rose by {a:30-90}%.\n"
		"PRestaurants such as {venue} take {dish} off the menu or cook it with something else. {first} {last}, a {cook}, toasts "
		"sunflower seeds instead.\n"
		"PGrowers try varieties with deeper roots. They taste stronger, and ripen {c:2-4} weeks later.\n"
		"PWho wants to keep some for winter can dry it at {d:40-60} degrees in the oven, with the door ajar.\n",

		"HA bakery in {city} [bakes|makes] {dish} as {a:100-300} years ago\n"
		"HFlour, water, patience: the {cook} of {city}\n"
		"LIn {city}, {first} {last} makes {dish} in a wood-fired oven and with flour from old wheat. {b:200-600} portions a day are sold before "
		"ten o'clock.\n"
		"PThe dough rests for {c:24-60} hours. {^ingredient}, the family's secret for {few} generations, gives it its aroma.\n"
		"PThe {cook} learned the trade after {d:8-20} years in an office. The first loaves, friends say, could have been used for "
		"building.\n"
		"PRecipes are not sold but given away: each customer finds one in the bag.\n",

		"HTasting {drink}: [our {a:6-12} favourites|what to look for] under {b:9-19} euros\n"
		"HTrend in glasses: {drink} goes with everything\n"
		"L{^drink} has left its niche. At a tasting in {city}, {c:8-20} cooks and sommeliers tried {d:40-90} bottles from {country} and found {a:6-12} that "
		"they would drink with {dish}.\n"
		"PThe best are dry, a little cloudy, and have a scent of apples and herbs. Cool them, but not too much: {e:9-13} degrees.\n"
		"PWith salty food and {ingredient} the acidity becomes soft, said {first} {last}, a {cook}. With chocolate it does not "
		"work.\n"
		"PAn opened bottle keeps for {few} days in the refrigerator, and makes a good sauce afterwards.\n",
	},
	.background =
		"The recipe serves four, and doubles without trouble.\n"
		"Salt, fat, acid and heat are what a cook can change; the rest is shopping.\n"
		"Vegetarians replace the butter with oil and lose nothing.\n"
		"Markets sell the best of it early in the morning; supermarkets have it frozen.\n"
		"Leftovers keep for {z:2-4} days, covered, in the refrigerator.\n"
		"A sharp knife and a heavy pan are the only tools that matter in such a kitchen.",
	.voices =
		"\"Taste before you add anything. Then taste again,\" said {first} {last}.\n"
		"\"A recipe is a letter from a friend, not a law,\" {last} said.\n"
		"\"If it smells good, you are nearly there. Now leave it alone,\" said {last}.\n"
		"\"My grandmother would have used twice the butter,\" said {last}, and added some.",
};

/* ---- travel ---- */

static const struct words travel_words[] = {
	{ "route", "coast path|old railway line|pilgrims' way|canal towpath|mountain hut "
		   "trail|island ferry route|"
		   "wine road" },
	{ "region", "the Alentejo|the Tatra mountains|the Dolomites|the Lofoten islands|the Julian "
		    "Alps|the Peloponnese|"
		    "the Basque coast|the Masurian lakes|Dalmatia|the Azores" },
	{ "stay", "a lighthouse|a guesthouse with {g:6-14} rooms|a former monastery|a houseboat|a "
		  "mountain hut|a "
		  "hotel from 19{h:10-38}" },
	{ "ride", "sleeper train|slow train|ferry|post bus|cable car" },
	{ "guide", "tour guide|hut warden|landlady|ferry captain|travel writer" },
	{ 0 },
};

const struct beat beat_travel = {
	.slug = "travel",
	.name = "Travel",
	.papers = "Carry-on|The Long Way|Departures|Slow Miles|Window Seat|Postcard|Off Season|Luggage Tag|Terminus|The "
		  "Detour",
	.lists = travel_words,
	.stories = {
		"HWalking the {route} through {region}: {a:4-9} days, {b:70-190} kilometres\n"
		"HThe {route} that [nobody|hardly anybody] knows\n"
		"LThe {route} through {region} is {b:70-190} kilometres long, and in {month} you have it to yourself. Hikers need {a:4-9} days; villages "
		"with beds and a hot supper are never more than {c:12-22} kilometres apart.\n"
		"PThe trail begins at a small station, climbs for {d:400-900} metres, and then keeps to the ridge, with views of the "
		"valley on both sides.\n"
		"PThe finest night is the third, in {stay}. {first} {last}, the {guide}, cooks what the garden gives and knows "
		"which path is flooded.\n"
		"PTake good shoes and a map on paper: there is no phone signal for {few} hours.\n",

		"HNew {ride} from {city} to {city2}: [asleep|across the border] for {a:39-99} euros\n"
		"HTo {city2} by {ride}: [we tried it|slower, and better]\n"
		"LTravellers can go from {city} to {city2} without changing: a {ride} leaves {b:3-7} times a week and takes {c:9-17} hours. Tickets cost "
		"{a:39-99} euros, breakfast included.\n"
		"PThe compartments have {d:2-4} beds, a window that opens, and a shelf just wide enough for a book. We slept until the "
		"border.\n"
		"PBicycles go along when booked. From the station it is a walk of {e:10-25} minutes to {stay}, which lets "
		"guests in early.\n"
		"PTourism offices in {region} hope for guests who stay longer than a weekend.\n",

		"HA night in {stay} in {region}\n"
		"HWhere to stay in {region}: {stay}\n"
		"LWho wants quiet finds it in {region}: {stay} has opened its doors to guests. A night costs {a:70-190} euros; the "
		"nearest road is {b:2-9} kilometres away.\n"
		"P{first} {last}, the {guide}, spent {c:3-8} years on the repairs. The furniture is second-hand, the beds are not, and the "
		"terrace looks west.\n"
		"PDays pass with swimming, walks along the {route}, and a library left behind by guests from {d:20-40} countries.\n"
		"PGet there by {ride}; who rings is fetched from the stop with a handcart for the luggage.\n",

		"H{a:36-48} hours in {city}: [markets, museums, a swim|what to see, where to eat]\n"
		"HA weekend in {city} [without a plan|on foot]\n"
		"L{city} is best seen slowly, and {a:36-48} hours are enough for the old town, the market and a swim. Our walk needs no car, and "
		"no ticket costs more than {b:6-18} euros.\n"
		"PStart at the market hall, before nine. Behind it, stairs lead up to a viewpoint that guidebooks leave out.\n"
		"PIn the afternoon take the {ride} to the beach, or see the museum, which is free on {weekday}s. Supper is late, "
		"outside, and loud.\n"
		"PSleep in {stay}. {first} {last}, {guide} and born here, recommends the side streets: \"If you see a menu with "
		"pictures, keep walking.\"\n",

		"HFewer visitors for {region}: {a:2-9},000 a day, by reservation\n"
		"HToo popular: [a limit|reservations] for {region}\n"
		"LFrom {month}, {region} will admit {a:2-9},000 visitors a day, and only with a reservation. Day trips cost {b:3-10} euros; who stays overnight pays "
		"nothing.\n"
		"PLast summer {c:12-30} thousand tourists came on some days. Paths were worn out, and water had to be brought by "
		"ferry.\n"
		"PHotels support the limit, souvenir shops do not. {first} {last}, a {guide}, reminds them that the season could be "
		"longer: autumn is the best time to travel there.\n"
		"PThe {route} stays open without a ticket, and so do the beaches in the north.\n",
	},
	.background =
		"The best months to travel are {month} and the one after it: warm enough to swim, and rooms are cheap.\n"
		"Trains connect to the coast every two hours; the last kilometres are by bus.\n"
		"Guidebooks give the place half a page, which is its luck.\n"
		"Pack light: there are stairs, and no lifts.\n"
		"Locals greet each other on the path, and expect visitors to do the same.\n"
		"Reservations are needed in July and August; otherwise hotels and huts have room.",
	.voices =
		"\"Come for three days, and you will see it. Stay for six, and it will see you,\" said {first} {last}.\n"
		"\"The view is free. The coffee is not, but it is good,\" {last} said.\n"
		"\"People ask for the fastest way. I show them the one with the trees,\" said {last}.\n"
		"\"Nobody ever came home and said: I wish I had walked less,\" said {last}.",
};

/* ---- film ---- */

static const struct words film_words[] = {
	{ "title", "The Glass Orchard|Night Ferry|A Winter in Trieste|Paper Lions|The "
		   "Cartographer's Daughter|Low "
		   "Tide|Salt Road|Seven Doors|The Understudy|Small Hours|Blue Hour" },
	{ "genre",
	  "thriller|family drama|comedy|documentary|western|puppet film|science-fiction film" },
	{ "festival", "the festival of {city}|the lakeside festival|the documentary days of "
		      "{city}|the spring film "
		      "festival" },
	{ "artist", "director|cinematographer|screenwriter|composer|actress" },
	{ "prize", "Golden Heron|jury prize|audience award|prize for the best script" },
	{ 0 },
};

const struct beat beat_film = {
	.slug = "film",
	.name = "Film",
	.papers = "Reel|The Projectionist|Final Cut|Matinee|Close-up|Aspect Ratio|Credits|Scene & Take|The "
		  "Stalls|Dissolve",
	.lists = film_words,
	.stories = {
		"H\"{title}\" wins the {prize}\n"
		"H{^prize} for {first} {last}'s {genre} \"{title}\"\n"
		"LThe {genre} \"{title}\" by {first} {last} has won the {prize} at {festival}. The jury praised its {a:90-160} minutes as \"told with "
		"nothing too much\".\n"
		"PThe film follows a nurse, a thief and a pianist through a single night. Hardly a word is spoken in the first {b:10-25} minutes; the "
		"audience applauded after the opening scene.\n"
		"PIt was shot in {city} in {c:18-40} days, with actors who had never stood before a camera, and on a budget of {d:1-4} million "
		"euros.\n"
		"PIt comes to the cinemas in {month}. Distributors from {e:12-40} countries have bought it.\n",

		"HReview: \"{title}\" is [a quiet triumph|too long by half|the {genre} of the year]\n"
		"H\"{title}\": [what a cast|a {genre} that takes its time]\n"
		"L\"{title}\", the new {genre} by {first} {last}, takes its time, and most of it is well spent. In {a:95-165} minutes two sisters sell their mother's "
		"cinema, and do not say what they mean.\n"
		"PThe camera stays on faces longer than is comfortable. {first2} {last2} plays the elder with a stillness that makes every "
		"gesture count.\n"
		"PWhat does not work is the last act, with its chase and its music. The script did not need it; the producers perhaps "
		"did.\n"
		"PSee it on a large screen. Four stars of five.\n",

		"HCinemas [sell|count] {a:9-35}% more tickets, [thanks to|because of] the young\n"
		"HThe comeback of the cinema [in numbers|has a reason]\n"
		"LCinemas in {country} have sold {a:9-35}% more tickets than last year, and those under thirty bought most of them. Small houses with their own "
		"programme grew more than multiplexes.\n"
		"PThe most seen film was \"{title}\", a {genre} without famous actors, with {b:400-950} thousand spectators. It spread by word of "
		"mouth.\n"
		"PStreaming has become dearer, and evenings out are missed, said {first} {last}, who runs a cinema with {c:60-190} seats in "
		"{city}.\n"
		"PThe state helps with projectors. What is missing are projectionists who can still thread a reel.\n",

		"HA lost {genre} from 19{a:20-38} [is found|turns up] in an attic in {city}\n"
		"HRestored: \"{title}\", [lost|missing] since 19{a:20-38}\n"
		"LThe silent {genre} \"{title}\", thought to be lost since 19{a:20-38}, has been found in an attic in {city}. {b:5-9} of its reels can be saved; it "
		"will be shown with live music at {festival}.\n"
		"PThe nitrate film had begun to turn to dust. Restorers in {city2} scan {c:60-160} thousand frames, one by one.\n"
		"PThe {artist} {first} {last}, whose great-grandmother plays the lead, recognised her from a photograph.\n"
		"PThe ending is missing. A censor's card describes it in a sentence: \"She leaves; he lets the boat go.\"\n",

		"HStrike over: film crews [agree on|get] {a:6-14}% more pay\n"
		"HCameras roll again: [writers and studios|crews] reach a deal\n"
		"LAfter {b:4-15} weeks, film crews have ended their strike. They get {a:6-14}% more pay, a limit of {c:10-11} hours a day, and a say when a computer "
		"imitates a voice or a face.\n"
		"P{d:20-60} productions had stopped, among them the {genre} \"{title}\". Studios put their loss at {e:90-400} million "
		"euros.\n"
		"PThe contract is for {few} years. {first} {last}, the {artist} who spoke for the actors, called it a script with a good "
		"ending.\n"
		"PPremieres planned for {month} will be late; {festival} loses a third of its programme.\n",
	},
	.background =
		"Critics saw the film at a screening without advertising, and stayed for the credits.\n"
		"Directors of that generation learned on telephones and edit on laptops.\n"
		"Funding came from two broadcasters and a regional film fund, as for most films of that size.\n"
		"The soundtrack, for {z:9-40} strings and an old synthesiser, is released at the same time.\n"
		"Audiences at the premiere were asked to leave their phones in envelopes.\n"
		"Festivals live from volunteers: {y:200-600} of them tear tickets and drive the guests.",
	.voices =
		"\"I cut everything that was only beautiful,\" said {first} {last}.\n"
		"\"A film is finished when the money is,\" {last} said.\n"
		"\"We rehearsed for a month and then threw away the script,\" said {last}.\n"
		"\"The audience laughs in places where I cried. I have learned to like it,\" said {last}.",
};
