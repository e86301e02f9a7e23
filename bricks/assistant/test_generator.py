#!/usr/bin/env python3
"""What must be true of the generated data. Run: python3 bricks/assistant/test_generator.py"""

import json
import os
import pathlib
import random
import re
import subprocess
import sys
import unittest

import contract
import generate
from generator import clock, dates, durations, lexicon, noise, numbers, pipeline, spoken
from generator.engine import Grammar, Line, Marks, exact, finished, joined
from generator.tools import calculate, convert

HERE = pathlib.Path(__file__).parent
TAKEN_BACK = re.compile(r"\b(no|sorry|mean|rather|actually|make it|make that|scratch|never)\b", re.IGNORECASE)
OTHER_UNITS = re.compile(r"\b(secs?|seconds?|hours?|hrs?|an)\b", re.IGNORECASE)
LINES = 200_000  # in which no request of the honest test may stand


def a_line(seed, spell=0.3, alarm=False):
    line = Line(random.Random(seed).random, spell)
    line.alarm = alarm
    return line


def said(function, count=20_000, alarm=False, spell=0.3):
    """What a function says and stands for: {words: set of (arguments, value)}."""
    found = {}
    for seed in range(count):
        line = a_line(seed, spell, alarm)
        result = function(line)
        words, value = result if isinstance(result, tuple) else (result, None)
        if line.bare:
            noise.resolve_times(line, words)
        arguments = tuple(sorted(line.arguments.items()))
        found.setdefault(finished(words)[0].lower(), set()).add(value if value is not None else arguments)
    return found


def resolved(words, hour, minute, alarm=False, **arguments):
    """The arguments after `{}` in the words is read as an hour on the dial."""
    line = a_line(1, alarm=alarm)
    line.arguments = dict(arguments)
    line.bare["time"] = (hour % 12, minute)
    mark = Marks.BARE["time"] + exact(f"{hour}:{minute:02}") + Marks.BARE_END
    noise.resolve_times(line, words.replace("{}", mark))
    return line.arguments


class Numbers(unittest.TestCase):
    def test_words(self):
        for number, words in {0: "zero", 7: "seven", 15: "fifteen", 20: "twenty", 45: "forty five", 100: "one hundred",
                              105: "one hundred five", 1200: "one thousand two hundred",
                                  2026: "two thousand twenty six",
                              1500000: "one million five hundred thousand"}.items():  # fmt: skip
            self.assertEqual(numbers.words(number), words)
        self.assertEqual(numbers.words(45, "-"), "forty-five")
        self.assertEqual(numbers.words(105, " ", "and "), "one hundred and five")
        self.assertEqual(numbers.words(1005, " ", "and "), "one thousand and five")

    def test_ordinals(self):
        self.assertEqual([numbers.ordinal(day) for day in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 31)],
                         ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd",
                         "31st"])  # fmt: skip
        self.assertEqual(numbers.ORDINALS[31], "thirty first")
        self.assertEqual(numbers.ORDINALS[20], "twentieth")

    def test_shortest_form(self):
        self.assertEqual(numbers.shortest(1 / 3), 0.3333)
        self.assertIsInstance(numbers.shortest(5.0), int)
        self.assertEqual(numbers.plain(12.50), "12.5")

    def test_amounts_mean_one_thing(self):
        found = said(lambda line: numbers.amount(line, large=True))
        for words, value in {"a hundred": 100, "twelve hundred": 1200, "2k": 2000, "1.5 million": 1500000,
            "a dozen": 12,
                             "a couple of": 2, "a few": 3, "1,000": 1000, "half a dozen": 6}.items():  # fmt: skip
            self.assertEqual(found[words], {value}, words)
        self.assertEqual([words for words, meant in found.items() if len(meant) > 1], [])

    def test_the_last_word_counts(self):
        for seed in range(500):
            text = spoken.corrected(a_line(seed), "five", "ten minutes", 1)
            self.assertTrue(text.startswith("five") and text.endswith("ten minutes"), text)


class Durations(unittest.TestCase):
    def test_normal_forms(self):
        found = said(durations.simple_duration, 60_000)
        table = {
            "90 minutes": "PT90M", "an hour and a half": "PT1H30M", "1.5 hours": "PT1H30M", "half an hour": "PT30M",
            "a quarter of an hour": "PT15M", "three quarters of an hour": "PT45M", "a minute and a half": "PT1M30S",
            "a couple of minutes": "PT2M", "a few minutes": "PT3M", "45 seconds": "PT45S", "twenty minutes": "PT20M",
            "two and a half hours": "PT2H30M", "an hour": "PT1H", "an hour and a quarter": "PT1H15M",
            "half a minute": "PT30S",
        }  # fmt: skip
        for words, form in table.items():
            self.assertEqual(found[words], {form}, words)
        self.assertEqual([words for words, forms in found.items() if len(forms) > 1], [])

    def test_hedges_and_bare_numbers(self):
        found = said(durations.bare_duration)
        self.assertEqual(found["5"], {"PT5M"})
        self.assertEqual(said(durations.duration, 60_000)["about 10 minutes"], {"PT10M"})

    def test_adjectives(self):
        found = said(durations.adj_duration)
        for words, form in {"20 minute": "PT20M", "half hour": "PT30M", "90-second": "PT90S",
            "two hour": "PT2H"}.items():
            self.assertEqual(found[words], {form}, words)


class Times(unittest.TestCase):
    def test_rule_of_alarms(self):
        for hour, form in {4: "04:30", 6: "06:30", 11: "11:30", 12: "12:30", 3: "15:30"}.items():
            self.assertEqual(resolved("wake me at {}", hour, 30, alarm=True)["time"], form)

    def test_rule_of_the_rest(self):
        for hour, form in {7: "07:00", 11: "11:00", 12: "12:00", 1: "13:00", 6: "18:00"}.items():
            self.assertEqual(resolved("remind me at {} to call", hour, 0)["time"], form)

    def test_parts_of_the_day(self):
        for words, hour, form in [
            ("remind me at {} to make breakfast", 6, "06:00"), ("supper with Ana at {}", 7, "19:00"),
            ("tomorrow morning at {}", 9, "09:00"), ("at {} in the evening", 8, "20:00"),
            ("at {} at night", 11, "23:00"),
            ("at {} at night", 2, "02:00"), ("this afternoon at {}", 1, "13:00"), ("a dinner party at {}", 8, "20:00"),
        ]:  # fmt: skip
            self.assertEqual(resolved(words, hour, 0)["time"], form, words)
        self.assertEqual(resolved("a party at {}", 9, 0)["time"], "09:00")

    def test_tonight_after_midnight_is_tomorrow(self):
        self.assertEqual(resolved("at {} tonight", 1, 0, date="today"), {"time": "01:00", "date": "tomorrow"})
        self.assertEqual(resolved("at {} tonight", 10, 0, date="today"), {"time": "22:00", "date": "today"})

    def test_unclear_times_are_refused(self):
        with self.assertRaises(noise.Unclear):
            resolved("dinner at {} tomorrow morning", 8, 0)

    def test_words_of_times(self):
        found = said(clock.clock, 60_000)
        for words, form in {
            "7 pm": "19:00", "19:00": "19:00", "nineteen hundred": "19:00", "quarter past eight am": "08:15",
            "noon": "12:00",
            "midnight": "00:00", "07:30": "07:30", "half past seven": "07:30", "half seven": "07:30",
            "ten to six am": "05:50",
            "7:30": "07:30", "1": "13:00", "around 7": "07:00", "7ish": "07:00", "12 am": "00:00", "12 pm": "12:00",
        }.items():  # fmt: skip
            if words in found:
                self.assertEqual(found[words], {(("time", form),)}, words)
        self.assertGreater(sum(words in found for words in ("7 pm", "19:00", "noon", "07:30", "7:30",
            "half past seven")), 5)
        self.assertEqual([words for words, forms in found.items() if len(forms) > 1], [])

    def test_ranges(self):
        found = said(clock.time_range, 40_000)
        for words, start, end in [("from 2 to 4 pm", "14:00", "16:00"), ("from 10 to 2", "10:00", "14:00"),
            ("14:00-16:00", "14:00", "16:00")]:
            if words in found:
                self.assertEqual(found[words], {(("end", end), ("time", start))}, words)
        for words, forms in found.items():
            for form in forms:
                times = dict(form)
                self.assertLess(times["time"], times["end"], words)


class Dates(unittest.TestCase):
    def test_normal_forms(self):
        found = said(lambda line: dates.date_form(line, True, periods=True), 60_000)
        table = {
            "today": "today", "later today": "today", "tomorrow": "tomorrow", "on friday": "friday",
            "this friday": "friday",
            "the coming friday": "friday", "next friday": "next-friday", "friday next week": "next-friday",
            "in three days": "P3D",
            "in two weeks": "P2W", "in a fortnight": "P2W", "in a month": "P1M", "the day after tomorrow": "P2D",
            "in a week": "P1W",
            "on the 24th": "24", "on friday the 13th": "13", "christmas eve": "12-24", "on christmas": "12-25",
            "this weekend": "this-weekend", "for the rest of the week": "this-week", "next week": "next-week",
        }  # fmt: skip
        for words, form in table.items():
            self.assertEqual(found[words], {form}, words)
        self.assertEqual([words for words, forms in found.items() if len(forms) > 1], [])

    def test_days_of_months(self):
        found = said(lambda line: dates.date_form(line, True), 60_000)
        form = re.compile(r"(?:on )?(\d{1,2})/(\d{1,2})$")
        checked = 0
        for words, forms in found.items():
            match = form.match(words)
            if match:
                first, second = map(int, match.groups())
                month, day = (first, second) if first <= 12 else (second, first)
                self.assertEqual(forms, {f"{month:02}-{day:02}"}, words)
                checked += 1
        self.assertGreater(checked, 100)

    def test_repetition(self):
        found = said(dates.every)
        self.assertEqual(found["every day"], {(("repeat", "daily"),)})
        self.assertEqual(found["on weekdays"], {(("repeat", "weekdays"),)})
        self.assertEqual(found["every friday"], {(("repeat", "friday"),)})
        self.assertEqual(said(dates.every_part)["every morning"], {(("repeat", "daily"), ("time", "morning"))})


class Conversions(unittest.TestCase):
    def test_ounces_beside_a_volume(self):
        names = {convert.unit_name(a_line(seed), "floz", True, "cup") for seed in range(200)}
        self.assertIn("ounces", names)
        self.assertNotIn("ounces", {convert.unit_name(a_line(seed), "floz", True, "oz") for seed in range(200)})

    def test_no_name_means_two_currencies(self):
        meant = {}
        for code, names in convert.CURRENCIES.items():
            for name in names:
                meant.setdefault(name.lower(), set()).add(code)
        self.assertEqual({name: codes for name, codes in meant.items() if len(codes) > 1}, {})
        schema = contract.load_tools()["convert_currency"]["properties"]["from"]["enum"]
        self.assertEqual(set(convert.CURRENCIES), set(schema))

    def test_units_are_those_of_the_tool(self):
        self.assertEqual(set(convert.UNITS), set(contract.load_tools()["convert_units"]["properties"]["from"]["enum"]))

    def test_expressions(self):
        found = said(calculate.phrase, 60_000, spell=0)
        pattern = re.compile(r"(\d+) (plus|minus|times) (\d+)$")
        signs = {"plus": "+", "minus": "-", "times": "*"}
        checked = 0
        for words, forms in found.items():
            match = pattern.match(words)
            if match:
                self.assertEqual(forms, {match[1] + signs[match[2]] + match[3]}, words)
                checked += 1
        self.assertGreater(checked, 100)
        for words, forms in found.items():
            match = re.match(r"(\d+)% off (\d+)$", words)
            if match:
                self.assertEqual(forms, {f"{match[2]}*(1-{match[1]}%)"}, words)


class Templates(unittest.TestCase):
    def grammar(self, macros=()):
        return Grammar({"food": ["rice"]}, dict(macros), {}, spoken.VALUES)

    def make(self, template, **macros):
        line = a_line(3)
        self.grammar(macros).compile(template)(line)
        return finished(joined(line)), line.arguments

    def test_copies_are_read_off_the_text(self):
        (text, copies), arguments = self.make("a_ [{label=food}] timer<all=true>")
        self.assertEqual((text, copies, arguments), ("a rice timer", {"label": ["rice"]}, {"all": True}))

    def test_a_copy_within_a_copy(self):
        (text, copies), _ = self.make("plan {title=inner}", inner="lunch at {place=food} with Ana")
        self.assertEqual(copies, {"title": ["lunch at rice with Ana"], "place": ["rice"]})

    def test_articles_before_vowels(self):
        self.assertEqual(self.make("a_ apple, a_ pear, a_ hour, a_ {label=x}", x="egg")[0][0],
            "an apple, a pear, an hour, an egg")

    def test_brackets_must_match(self):
        for template in ("[a|b", "a]", "(a", "((a) b)"):
            with self.assertRaises(ValueError):
                self.grammar().compile(template)


class Splits(unittest.TestCase):
    def test_every_tool_has_patterns_in_both(self):
        there = {}
        for group in pipeline.all_groups():
            for row in group.templates:
                there.setdefault(group.tool, {}).setdefault(pipeline.pattern_split(group.tool, row), set()).add(row)
        self.assertEqual(len(there), 25)
        for tool, splits in there.items():
            self.assertGreaterEqual(len(splits["heldout"]), 5, tool)
            self.assertGreaterEqual(len(splits["train"]), 20, tool)
            self.assertFalse(splits["heldout"] & splits["train"], tool)

    def test_no_pattern_is_shared(self):
        def ids(split):
            return {pattern.id for groups in pipeline.Generator(split).groups.values() for _,
                patterns in groups for pattern in patterns}

        train, validation, held = ids("train"), ids("validation"), ids("heldout")
        self.assertEqual(train, validation)
        self.assertFalse(train & held)
        self.assertTrue(0.1 < len(held) / len(train | held) < 0.2)

    def test_no_held_out_value_is_shared(self):
        train, held, closed = lexicon.load("train"), lexicon.load("heldout"), lexicon.read()
        everywhere = {value.casefold() for name, values_ in train.items() if not closed[name][1] for value in values_}
        for name, values_ in held.items():
            if not closed[name][1]:
                self.assertFalse({value.casefold() for value in values_} & everywhere, name)


class Lines(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.found = list(generate.lines("train", 7, LINES, os.cpu_count()))

    def test_keep_to_the_contract(self):
        self.assertEqual(list(generate.check(self.found[:50_000])), [])

    def test_the_honest_test_is_not_in_them(self):
        rows = (HERE / "handwritten.jsonl").read_text("utf-8").splitlines()
        honest = {pipeline.key_of(json.loads(row)["text"]) for row in rows}
        self.assertFalse(honest & {pipeline.key_of(text) for text, _, _ in self.found})

    def test_a_quarter_is_not_its_job(self):
        share = sum(call is None for _, call, _ in self.found) / len(self.found)
        self.assertTrue(0.22 < share < 0.3, share)

    def test_minutes_are_what_they_say(self):
        checked = 0
        for text, call, _ in self.found:
            numbers_ = re.findall(r"\d+", text)
            match = re.search(r"\b(\d+) ?(minutes|mins|min)\b", text.lower())
            taken_back = TAKEN_BACK.search(text) or OTHER_UNITS.search(text)
            if call and call["name"] == "set_timer" and match and len(numbers_) == 1 and not taken_back:
                self.assertEqual(call["arguments"]["duration"], f"PT{match[1]}M", text)
                checked += 1
        self.assertGreater(checked, 500)

    def test_times_with_am_or_pm_are_what_they_say(self):
        checked = 0
        for text, call, _ in self.found:
            found = re.findall(r"(?<![\d:.])(\d{1,2})(?::(\d\d))? ?([ap])\.?m\b", text.lower())
            if not call or call["name"] not in ("set_alarm",
                "cancel_alarm") or len(found) != 1 or len(re.findall(r"\d+", text)) != 1 + bool(found[0][1]):
                continue
            if TAKEN_BACK.search(text) or re.search(r"half|quarter|past|to \d|after|til", text.lower()):
                continue
            hour, minute, half = found[0]
            form = f"{int(hour) % 12 + 12 * (half == 'p'):02}:{minute or '00'}"
            self.assertEqual(call["arguments"]["time"], form, text)
            checked += 1
        self.assertGreater(checked, 300)

    def test_the_same_seed_gives_the_same_bytes(self):
        def made(hash_seed, jobs):
            environment = dict(os.environ, PYTHONHASHSEED=hash_seed)
            command = [sys.executable, str(HERE / "generate.py"), "--split", "heldout", "--count", "3000", "--seed",
                "4", "--jobs", jobs]
            return subprocess.run(command, env=environment, capture_output=True, check=True).stdout

        self.assertEqual(made("0", "1"), made("1", "2"))


if __name__ == "__main__":
    unittest.main()
