/* facts.c - what notes of one field have in common: its words, a method, a worked example, mistakes, questions
 *
 * What this room is for: the language model of the example writes two pages on each topic, which must look like what students get:
 *   headings, lists, a table, code, a quotation, a link.
 * What must hold: texts are Markdown; an @ stands for the topic's name; tables and lists end with a line break; the code runs. */
#include "facts.h"

const struct field fields[FIELDS] = {
	{ .name = "Algorithms",
	  .about = "Whoever designs a program asks three questions: is it right, how long does it "
		   "take, and what does it need to remember? "
		   "*@* belongs to the small set of ideas with which such questions are answered "
		   "once and then reused for decades.",
	  .terms = "| Term | Meaning | Usual notation |\n|:--|:--|:-:|\n"
		   "| input size | what the cost is counted in | n |\n"
		   "| worst case | the largest cost of any input of that size | T(n) |\n"
		   "| upper bound | grows no faster than, up to a factor | O(f) |\n"
		   "| tight bound | grows as fast as, up to a factor | Θ(f) |\n"
		   "| invariant | what is true before each round of a loop | - |\n",
	  .steps = "1. State the problem: what comes in, what must come out.\n"
		   "2. Find the **invariant**: what does each step leave true?\n"
		   "3. Show that the invariant, together with the end of the loop, gives the "
		   "answer.\n"
		   "4. Count the steps as a function of the input's size.\n"
		   "5. Only then choose the data structure that makes the commonest step cheap.\n",
	  .language = "python",
	  .code = "from collections import deque\n\n"
		  "def distances(graph, start):\n"
		  "    \"\"\"How many edges away each vertex is.\"\"\"\n"
		  "    found = {start: 0}\n"
		  "    queue = deque([start])\n"
		  "    while queue:\n"
		  "        at = queue.popleft()\n"
		  "        for neighbour in graph[at]:\n"
		  "            if neighbour not in found:\n"
		  "                found[neighbour] = found[at] + 1\n"
		  "                queue.append(neighbour)\n"
		  "    return found\n",
	  .read_code = "Each vertex enters the queue once and each edge is looked at once: `O(V + "
		       "E)`. The invariant is in the queue: its "
		       "distances never fall from front to back, and differ by at most one.",
	  .mistakes = "- Proving that it works on an example, and calling that a proof.\n"
		      "- Counting operations that cost different amounts as if they were alike.\n"
		      "- Forgetting the empty input, the input of one element, and equal keys.\n"
		      "- Optimising the step that runs once.\n",
	  .questions = "- What is the invariant of @, in one sentence?\n"
		       "- Which input is the worst, and how likely is it in practice?\n"
		       "- What would change if memory were a hundred times slower?\n"
		       "- Where have you used @ without knowing its name?\n",
	  .quote = "Premature optimization is the root of all evil.",
	  .by = "Donald Knuth, 1974",
	  .topics = topics_algorithms },
	{ .name = "Databases",
	  .about = "Data outlives the programs that wrote it. A database has to answer quickly, to "
		   "let many people change things at once, and to be "
		   "whole again after the power was cut. *@* is one of the parts from which this "
		   "promise is made.",
	  .terms = "| Term | Meaning | Broken by |\n|:--|:--|:--|\n"
		   "| atomicity | all of a transaction, or nothing | a crash in the middle |\n"
		   "| consistency | constraints hold afterwards | a check that only the program "
		   "makes |\n"
		   "| isolation | as if nobody else were there | reading what is not committed |\n"
		   "| durability | what was acknowledged stays | a disk that only says it has "
		   "written |\n",
	  .steps = "1. Write down the question that is asked most often, with its numbers.\n"
		   "2. Look at the **plan**: which rows are read, and how many are thrown away?\n"
		   "3. Compare estimated with actual rows; the first large difference is the "
		   "cause.\n"
		   "4. Change one thing: an index, a statistic, the query.\n"
		   "5. Measure again with the data of production, not with ten rows.\n",
	  .language = "sql",
	  .code = "BEGIN;\n"
		  "UPDATE account SET balance = balance - 100\n"
		  " WHERE id = 1 AND balance >= 100;     -- one row, or nothing happens\n"
		  "UPDATE account SET balance = balance + 100 WHERE id = 2;\n"
		  "INSERT INTO transfer (payer, payee, amount) VALUES (1, 2, 100);\n"
		  "COMMIT;\n",
	  .read_code = "The condition stands in the statement and not in the program: between a "
		       "SELECT and an UPDATE somebody else may have "
		       "been quicker. What the program must still check is how many rows the first "
		       "`UPDATE` has changed.",
	  .mistakes = "- One query for each row of another query's result: a thousand round trips "
		      "in place of one.\n"
		      "- An index on every column; each write pays for all of them.\n"
		      "- A transaction that stays open while a person thinks.\n"
		      "- Trusting a backup that was never restored.\n",
	  .questions =
		  "- Which of the four promises does @ serve, and what does it cost?\n"
		  "- What happens when the machine stops between any two lines of the example?\n"
		  "- When would you do without @?\n"
		  "- How could you see in production that it works?\n",
	  .quote = "Future users of large data banks must be protected from having to know how the "
		   "data is organized in the machine.",
	  .by = "E. F. Codd, 1970",
	  .topics = topics_databases },
	{ .name = "Computer networks",
	  .about = "Between two programs that talk lie cables that are cut, queues that are full "
		   "and machines that restart. *@* is part of the answer to the question how "
		   "anything arrives at all, and how both sides find out when it has not.",
	  .terms = "| Term | Meaning | Unit |\n|:--|:--|--:|\n"
		   "| bandwidth | what a link carries at most | bit/s |\n"
		   "| latency | how long the first bit takes | ms |\n"
		   "| round trip | there and back | ms |\n"
		   "| throughput | what really arrives | bit/s |\n"
		   "| loss | what share of packets does not arrive | % |\n",
	  .steps = "1. Ask **who starts** and who answers.\n"
		   "2. Draw the messages as arrows between two lines of time.\n"
		   "3. Cut each arrow once: what does each side believe then?\n"
		   "4. Add a clock for each belief that would otherwise last for ever.\n"
		   "5. Make what may be repeated harmless when it is repeated.\n",
	  .language = "python",
	  .code = "import asyncio\n\n"
		  "async def ask(host, port, line, within=2.0):\n"
		  "    async with asyncio.timeout(within):\n"
		  "        reader, writer = await asyncio.open_connection(host, port)\n"
		  "        try:\n"
		  "            writer.write(line.encode() + b\"\\n\")\n"
		  "            await writer.drain()          # waits for a slow receiver\n"
		  "            return (await reader.readline()).decode().rstrip()\n"
		  "        finally:\n"
		  "            writer.close()\n",
	  .read_code =
		  "One deadline covers the whole exchange: connecting, sending and waiting. "
		  "`drain` is where a fast sender is told "
		  "to wait, and `readline` is needed because a stream has no messages of its own.",
	  .mistakes = "- No timeout, or one for each piece, so that a trickle lasts for ever.\n"
		      "- Trying again at once, together with everybody else.\n"
		      "- Taking what one read has returned for one message.\n"
		      "- Measuring on one's own machine, where the round trip is free.\n",
	  .questions = "- Which failures does @ hide, and which does it only move?\n"
		       "- What is lost when the last message of the conversation is lost?\n"
		       "- How does @ behave when the round trip grows from 1 ms to 300 ms?\n"
		       "- Which layer would notice a wrong bit?\n",
	  .quote = "Be conservative in what you do, be liberal in what you accept from others.",
	  .by = "Jon Postel, RFC 793, 1981",
	  .topics = topics_networks },
	{ .name = "Operating systems",
	  .about = "An operating system makes one machine look like many, and many devices look "
		   "like one. *@* is one of the abstractions with which "
		   "it does this, and, as with all of them, it pays to know what is underneath.",
	  .terms = "| Term | Meaning | Rough cost |\n|:--|:--|--:|\n"
		   "| function call | a jump and back | 1 ns |\n"
		   "| system call | into the kernel and back | 200 ns |\n"
		   "| thread switch | another one has the processor | 2 µs |\n"
		   "| page fault from disk | memory that was not there | 100 µs |\n"
		   "| disk sync | what is written is really there | 1 ms |\n",
	  .steps = "1. Say what is **shared**: a processor, memory, a disk, a file.\n"
		   "2. Say who may use it now, and who decides that.\n"
		   "3. Find where somebody waits, and what wakes him.\n"
		   "4. Ask what happens when he is never woken, or is killed first.\n"
		   "5. Count what one turn of this costs.\n",
	  .language = "c",
	  .code = "/* Waits until there is something to take. The lock protects the queue, not "
		  "this code. */\n"
		  "struct item *take_item(struct queue *q)\n"
		  "{\n"
		  "\tpthread_mutex_lock(&q->lock);\n"
		  "\twhile (q->first == NULL)                 /* waking up promises nothing */\n"
		  "\t\tpthread_cond_wait(&q->filled, &q->lock);\n"
		  "\tstruct item *item = q->first;\n"
		  "\tq->first = item->next;\n"
		  "\tpthread_mutex_unlock(&q->lock);\n"
		  "\treturn item;\n"
		  "}\n",
	  .read_code = "The predicate is tested again after each wake-up, and only while the lock "
		       "is held. With `if` in place of `while` this function "
		       "works for years and then takes from an empty queue.",
	  .mistakes = "- Holding a lock while waiting for a disk or for somebody else.\n"
		      "- Believing that a write has reached the disk because it has returned.\n"
		      "- Ignoring what a system call returns, most of all from `close`.\n"
		      "- Fixing a race with a pause.\n",
	  .questions = "- Which resource does @ share, and what is the rule?\n"
		       "- Who waits, and who wakes him?\n"
		       "- What does @ cost when nobody competes, and what under load?\n"
		       "- What remains of it after kill -9?\n",
	  .quote = "Controlling complexity is the essence of computer programming.",
	  .by = "Brian Kernighan, 1976",
	  .topics = topics_systems },
	{ .name = "Statistics",
	  .about = "Data never speaks for itself: it was gathered by somebody, somewhere, and by "
		   "chance. *@* helps to say how much of what we see is signal, and how "
		   "sure we may be of it.",
	  .terms = "| Term | Meaning | Symbol |\n|:--|:--|:-:|\n"
		   "| population | what one wants to know about | - |\n"
		   "| sample | what one has seen of it | x₁ ... xₙ |\n"
		   "| mean | the centre of gravity | μ, x̄ |\n"
		   "| standard deviation | the usual distance from the mean | σ, s |\n"
		   "| standard error | how far the mean itself wanders | s/√n |\n",
	  .steps = "1. Say what the population is, and how the sample came out of it.\n"
		   "2. **Draw the data** before computing anything.\n"
		   "3. Write down the model and what it assumes.\n"
		   "4. Compute the estimate *and* its uncertainty.\n"
		   "5. Look at what the model does not explain.\n",
	  .language = "python",
	  .code = "import random\n"
		  "import statistics\n\n"
		  "def interval(sample, rounds=10_000, seed=1):\n"
		  "    \"\"\"A 95 % interval of the median, by the bootstrap.\"\"\"\n"
		  "    draw = random.Random(seed)\n"
		  "    medians = sorted(\n"
		  "        statistics.median(draw.choices(sample, k=len(sample)))\n"
		  "        for _ in range(rounds))\n"
		  "    return medians[rounds // 40], medians[-rounds // 40]\n",
	  .read_code = "No formula for the median's standard error is needed: the sample stands "
		       "for the population, and is drawn from again and again. "
		       "The seed makes the result one that others can repeat.",
	  .mistakes = "- Looking at twenty hypotheses and telling of the one that came out.\n"
		      "- Taking \"not significant\" for \"no effect\".\n"
		      "- Removing outliers because they disturb.\n"
		      "- Reading a cause out of a correlation.\n",
	  .questions = "- Which assumption of @ is the first to break with real data?\n"
		       "- How would you explain @ to a judge?\n"
		       "- What would ten times as much data change, and what not?\n"
		       "- Which picture would you draw first?\n",
	  .quote = "All models are wrong but some are useful.",
	  .by = "George Box, 1979",
	  .topics = topics_statistics },
	{ .name = "Mathematics",
	  .about = "Mathematics is the art of giving the same name to different things and keeping "
		   "only what they share. *@* is such a name: once it is understood, "
		   "a dozen problems turn out to be one.",
	  .terms = "| Notation | Read | Example |\n|:-:|:--|:--|\n"
		   "| f: A → B | f maps A to B | f(x) = x² |\n"
		   "| ∀, ∃ | for all, there is | ∀x ∃y: y > x |\n"
		   "| ‖v‖ | the length of v | ‖(3, 4)‖ = 5 |\n"
		   "| Σ | the sum over | Σ k = n(n+1)/2 |\n"
		   "| ∂f/∂x | the derivative by x alone | ∂(xy)/∂x = y |\n",
	  .steps = "1. Work through the smallest **example** that is not trivial.\n"
		   "2. Say in words what happened, then in symbols.\n"
		   "3. Find the place where the proof uses each assumption.\n"
		   "4. Drop one assumption and look for a counterexample.\n"
		   "5. Come back a week later and prove it without the book.\n",
	  .language = "python",
	  .code = "def derivative(f, x, h=1e-5):\n"
		  "    \"\"\"The slope between two near points on both sides.\"\"\"\n"
		  "    return (f(x + h) - f(x - h)) / (2 * h)\n\n"
		  "def newton(f, x, steps=20, close=1e-12):\n"
		  "    for _ in range(steps):\n"
		  "        step = f(x) / derivative(f, x)\n"
		  "        x -= step\n"
		  "        if abs(step) < close:\n"
		  "            return x\n"
		  "    raise ArithmeticError(\"no root found from here\")\n\n"
		  "print(newton(lambda x: x * x - 2, 1.0))   # 1.4142135623...\n",
	  .read_code = "Near a simple root each round doubles the number of right digits. Far away "
		       "it may run off, which is why the number of steps is "
		       "bounded and failure is said aloud.",
	  .mistakes = "- Dividing by what may be zero.\n"
		      "- Using the converse of a theorem in place of the theorem.\n"
		      "- Exchanging two limits without a reason.\n"
		      "- Checking a formula only where both sides are trivial.\n",
	  .questions = "- What is the smallest example of @?\n"
		       "- Which assumption can you not drop, and what is the counterexample?\n"
		       "- How would you draw @?\n"
		       "- Where does @ appear in physics or in computing?\n",
	  .quote = "Mathematics, rightly viewed, possesses not only truth, but supreme beauty.",
	  .by = "Bertrand Russell, 1907",
	  .topics = topics_mathematics },
	{ .name = "Machine learning",
	  .about = "A program that learns is judged by what it has not seen. *@* is one of the "
		   "ideas that stand between a model that remembers and a model that "
		   "understands enough to be useful.",
	  .terms = "| Term | Meaning | Question that it answers |\n|:--|:--|:--|\n"
		   "| training set | what is learned from | - |\n"
		   "| validation set | what choices are made by | which model? |\n"
		   "| test set | looked at once, at the end | how good is it? |\n"
		   "| loss | what is made small | how wrong was that? |\n"
		   "| baseline | the simplest thing that works | is it worth it? |\n",
	  .steps = "1. Build the **baseline** first: the mean, the last value, the most common "
		   "class.\n"
		   "2. Divide the data before looking at it; by time where time matters.\n"
		   "3. Choose the metric with those who will use the result.\n"
		   "4. Change one thing at a time, and write down what it did.\n"
		   "5. Read the worst fifty errors by hand.\n",
	  .language = "python",
	  .code = "def fit(xs, ys, rate=0.05, rounds=2000):\n"
		  "    \"\"\"y = w x + b by gradient descent on the mean squared error.\"\"\"\n"
		  "    w = b = 0.0\n"
		  "    n = len(xs)\n"
		  "    for _ in range(rounds):\n"
		  "        errors = [w * x + b - y for x, y in zip(xs, ys)]\n"
		  "        w -= rate * 2 / n * sum(e * x for e, x in zip(errors, xs))\n"
		  "        b -= rate * 2 / n * sum(errors)\n"
		  "    return w, b\n\n"
		  "print(fit([0, 1, 2, 3], [1, 3, 5, 7]))    # nearly (2.0, 1.0)\n",
	  .read_code = "Two parameters and one loop: everything larger is this with more "
		       "parameters and a cleverer way to the gradient. With `rate=0.5` it "
		       "diverges; try it.",
	  .mistakes = "- Scaling features with numbers that the test set has helped to compute.\n"
		      "- Reporting the best of thirty runs.\n"
		      "- A metric that nobody's decision depends on.\n"
		      "- Training longer in place of looking at the data.\n",
	  .questions = "- What would the baseline of a problem with @ be?\n"
		       "- How would you notice that @ has failed silently?\n"
		       "- What does @ cost at training, and what at use?\n"
		       "- Which examples would you show to a sceptic?\n",
	  .quote = "We can only see a short distance ahead, but we can see plenty there that needs "
		   "to be done.",
	  .by = "Alan Turing, 1950",
	  .topics = topics_learning },
	{ .name = "Physics",
	  .about =
		  "Physics asks what stays the same while everything changes. *@* is a case in "
		  "point: a few lines, tested for generations, from which a surprising part of the "
		  "world around us can be computed.",
	  .terms = "| Quantity | Symbol | Unit |\n|:--|:-:|--:|\n"
		   "| length | s | m |\n"
		   "| speed | v | m/s |\n"
		   "| acceleration | a | m/s² |\n"
		   "| force | F | N = kg·m/s² |\n"
		   "| energy | E | J = N·m |\n"
		   "| power | P | W = J/s |\n",
	  .steps = "1. **Draw** the situation; say what belongs to the system and what does not.\n"
		   "2. Write down what is conserved.\n"
		   "3. Choose axes that make the forces simple.\n"
		   "4. Solve with symbols; put in numbers at the end.\n"
		   "5. Check the units, the limiting cases, and whether the size is plausible.\n",
	  .language = "python",
	  .code = "from math import cos, radians, sin\n\n"
		  "def throw(speed, angle, drag=0.0, dt=0.001, g=9.81):\n"
		  "    \"\"\"How far a ball flies, in metres.\"\"\"\n"
		  "    vx, vy = speed * cos(radians(angle)), speed * sin(radians(angle))\n"
		  "    x = y = 0.0\n"
		  "    while y >= 0:\n"
		  "        v = (vx * vx + vy * vy) ** 0.5\n"
		  "        vx -= drag * v * vx * dt\n"
		  "        vy -= (g + drag * v * vy) * dt\n"
		  "        x, y = x + vx * dt, y + vy * dt\n"
		  "    return x\n\n"
		  "print(throw(20, 45), throw(20, 45, drag=0.02))\n",
	  .read_code = "Without drag the result must be v²/g, 40.8 metres: a test that costs "
		       "nothing. With drag there is no such formula, "
		       "and the best angle is less than 45°.",
	  .mistakes = "- Numbers without units, and units that do not match.\n"
		      "- Forces that act on something else.\n"
		      "- More digits in the answer than in the measurement.\n"
		      "- A formula outside of where it holds.\n",
	  .questions = "- What is conserved in @, and what is not?\n"
		       "- What happens in the limit of very large, and of very small?\n"
		       "- How would you measure it with what lies in a kitchen?\n"
		       "- Which everyday device would not work without @?\n",
	  .quote = "If I have seen further, it is by standing on the shoulders of giants.",
	  .by = "Isaac Newton, 1675",
	  .topics = topics_physics },
	{ .name = "Biology",
	  .about = "Everything that lives is made of cells, descends from other living things, and "
		   "has to earn its energy. *@* shows one way in which these three "
		   "sentences become machinery.",
	  .terms = "| Level | Example | Typical size |\n|:--|:--|--:|\n"
		   "| molecule | glucose | 1 nm |\n"
		   "| organelle | mitochondrion | 1 µm |\n"
		   "| cell | red blood cell | 8 µm |\n"
		   "| tissue | epithelium | 1 mm |\n"
		   "| organism | *Homo sapiens* | 1.7 m |\n",
	  .steps = "1. Name the **level**: molecule, cell, organism or population?\n"
		   "2. Ask what it is for: what would be missing without it?\n"
		   "3. Follow the energy and the matter: in, through, out.\n"
		   "4. Find what regulates it.\n"
		   "5. Ask how it could have come about in small steps.\n",
	  .language = "python",
	  .code = "CODONS = {\"AUG\": \"Met\", \"UUU\": \"Phe\", \"GGC\": \"Gly\",\n"
		  "          \"AAA\": \"Lys\", \"UAA\": None, \"UAG\": None, \"UGA\": None}\n\n"
		  "def protein(dna):\n"
		  "    \"\"\"From the coding strand to the amino acids.\"\"\"\n"
		  "    rna = dna.upper().replace(\"T\", \"U\")\n"
		  "    start = rna.find(\"AUG\")\n"
		  "    for at in range(start, len(rna) - 2, 3):\n"
		  "        acid = CODONS[rna[at:at + 3]]\n"
		  "        if acid is None:\n"
		  "            return\n"
		  "        yield acid\n\n"
		  "print(\"-\".join(protein(\"ccATGTTTGGCAAATAA\")))  # Met-Phe-Gly-Lys\n",
	  .read_code =
		  "The reading frame is set by the first `AUG`: one letter lost before it changes "
		  "nothing, one letter lost behind it changes every word that follows.",
	  .mistakes = "- Purposes in place of causes: evolution wants nothing.\n"
		      "- Taking an average for every individual.\n"
		      "- Forgetting that the experiment disturbs what it looks at.\n"
		      "- One gene, one trait.\n",
	  .questions = "- On which level does @ happen, and what does one see on the next?\n"
		       "- Where does its energy come from?\n"
		       "- What goes wrong when it is missing?\n"
		       "- How was it found out?\n",
	  .quote = "Nothing in biology makes sense except in the light of evolution.",
	  .by = "Theodosius Dobzhansky, 1973",
	  .topics = topics_biology },
	{ .name = "Economics",
	  .about = "Means are scarce, wishes are not, and everybody's choice changes the choices "
		   "of others. *@* is one of the lenses through which such "
		   "tangles can be looked at one thread at a time.",
	  .terms = "| Term | Meaning | Not to be confused with |\n|:--|:--|:--|\n"
		   "| nominal | in the money of the day | real |\n"
		   "| marginal | of the next unit | average |\n"
		   "| stock | an amount at a moment | flow |\n"
		   "| ceteris paribus | all else equal | all else ignored |\n",
	  .steps = "1. Who decides, and what does he **know**?\n"
		   "2. What are his alternatives, and what is each of them worth to him?\n"
		   "3. What changes at the margin?\n"
		   "4. How do the others answer?\n"
		   "5. Who pays, who gains, and who was not asked?\n",
	  .language = "python",
	  .code = "def present_value(payments, rate):\n"
		  "    \"\"\"What payments at the end of years 0, 1, 2 ... are worth today.\"\"\"\n"
		  "    return sum(p / (1 + rate) ** year for year, p in enumerate(payments))\n\n"
		  "machine = [-1000, 300, 300, 300, 300]\n"
		  "for percent in (2, 5, 8, 10):\n"
		  "    print(percent, round(present_value(machine, percent / 100), 1))\n",
	  .read_code = "The same machine is worth buying at five percent and is not at eight: what "
		       "changed is not the machine but "
		       "what the money could do elsewhere.",
	  .mistakes = "- Counting what is already spent.\n"
		      "- Averages where the next unit matters.\n"
		      "- Assuming that the others go on as before.\n"
		      "- Comparing sums of different years.\n",
	  .questions = "- Whose decision does @ explain?\n"
		       "- What would have to be measured to refute it?\n"
		       "- Who would lose if everybody understood @?\n"
		       "- Find @ in today's newspaper.\n",
	  .quote = "It is not from the benevolence of the butcher, the brewer, or the baker that "
		   "we expect our dinner, but from their regard to their own interest.",
	  .by = "Adam Smith, 1776",
	  .topics = topics_economics },
};
