package org.iommu4j.upgrade.capture;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import org.iommu4j.upgrade.capture.CallRule.Argument;
import org.iommu4j.upgrade.capture.CallRule.Placed;
import org.iommu4j.upgrade.capture.CallRule.Result;
import org.iommu4j.upgrade.capture.CallRule.Value;

/** Makes calls of records, by the rules of a model. */
final class CallReader {
    /** Most arguments of a call. */
    private static final int MAX_ARGUMENTS = 16;

    private static final int MAX_BLOCK_BYTES = 4096;
    private static final int MAX_NAME = 64;
    private static final String TEXT = "text";

    private final List<CallRule> rules;
    private final List<CallRecords.Told> told;

    CallReader(CallRecords records) {
        rules = records.rules();
        told = records.told();
    }

    /** The call that a record is, or null if no rule fits it. */
    CaptureRecord.Call read(long t, String record, JsonLine line) {
        for (CallRule rule : rules) {
            if (rule.record().equals(record)) {
                Matcher matcher = rule.text() == null ? null : rule.text().matcher(line.text(TEXT));
                if (matcher == null || matcher.lookingAt()) {
                    return new Source(line, matcher).call(t, rule);
                }
            }
        }
        return null;
    }

    /** The call that a rule makes of an object; null if it makes none. */
    static CaptureRecord.Call apply(CallRule rule, JsonLine object) {
        Source source = new Source(object, null);
        return rule.unless() != null && source.number(rule.unless()) == 0 ? null : source.call(-1, rule);
    }

    /** What a record that is no call tells of the chip. */
    Map<String, Long> facts(String record, JsonLine line) {
        Map<String, Long> facts = new HashMap<>();
        for (CallRecords.Told one : told) {
            if (one.record().equals(record)
                    && line.isText(one.key())
                    && line.text(one.key()).equals(one.text())) {
                Source source = new Source(line, null);
                if (source.number(one.zero()) == 0) {
                    one.values().forEach((name, value) -> facts.put(one.name() + "." + name, source.number(value)));
                }
            }
        }
        return facts;
    }

    /** Where the numbers of one record come from: its keys, or the groups of its text if {@code matcher} is not null. */
    private record Source(JsonLine line, Matcher matcher) {
        CaptureRecord.Call call(long t, CallRule rule) {
            String kind = rule.kind();
            if (kind == null) {
                kind = line.text(rule.kindKey());
                if (kind.isEmpty() || kind.length() > MAX_NAME) {
                    throw line.reject(rule.kindKey(), "is not a name of 1 to " + MAX_NAME + " characters");
                }
            }
            String fact = rule.fact() == null ? kind : rule.fact();
            Map<String, Long> facts = new HashMap<>();
            facts.put(fact, 1L);
            List<CaptureRecord.Call.Result> results = new ArrayList<>();
            for (Result result : rule.results()) {
                long value = number(result.expected());
                facts.put(fact + "." + result.name(), value);
                results.add(new CaptureRecord.Call.Result(
                        result.name(), result.word(), result.offset(), result.sizeBytes(), result.mask(), value));
            }
            rule.tells().forEach((name, value) -> facts.put(fact + "." + name, number(value)));
            List<CaptureRecord.Call.Argument> arguments = arguments(rule);
            return new CaptureRecord.Call(
                    t,
                    kind,
                    rule.call() == null ? kind : rule.call(),
                    rule.returnCells(),
                    arguments,
                    stored(rule, arguments),
                    number(rule.code()),
                    results,
                    facts);
        }

        private List<CaptureRecord.Call.Argument> arguments(CallRule rule) {
            List<CaptureRecord.Call.Argument> arguments = new ArrayList<>();
            for (Argument argument : rule.arguments()) {
                if (argument.listKey() != null) {
                    long[] words = line.words(argument.listKey());
                    if (words.length > MAX_ARGUMENTS) {
                        throw line.reject(argument.listKey(), "has more than " + MAX_ARGUMENTS + " arguments");
                    }
                    for (long word : words) {
                        arguments.add(new CaptureRecord.Call.Argument(null, word, null));
                    }
                } else {
                    arguments.add(
                            argument.value() != null
                                    ? new CaptureRecord.Call.Argument(
                                            argument.operand(), number(argument.value()), null)
                                    : new CaptureRecord.Call.Argument(argument.operand(), 0, block(argument)));
                }
            }
            return arguments;
        }

        private String block(Argument argument) {
            if (argument.hexKey() != null) {
                return HexFormat.of().formatHex(line.bytes(argument.hexKey(), 1, MAX_BLOCK_BYTES));
            }
            int length = 0;
            for (Placed number : argument.block()) {
                length = Math.max(length, number.offset() + number.sizeBytes());
            }
            byte[] bytes = new byte[length];
            for (Placed number : argument.block()) {
                long value = number(number.value());
                for (int i = number.sizeBytes() - 1; i >= 0; i--) {
                    bytes[number.offset() + i] = (byte) value;
                    value >>>= Byte.SIZE;
                }
            }
            return HexFormat.of().formatHex(bytes);
        }

        private CaptureRecord.Call.Stored stored(CallRule rule, List<CaptureRecord.Call.Argument> arguments) {
            if (rule.stores() == null || line.isNull(rule.stores().key())) {
                return CaptureRecord.Call.Stored.NOTHING;
            }
            if (rule.stores().argument() >= arguments.size()) {
                throw line.reject(rule.stores().key(), "stands beside a call that says not where");
            }
            long pa = arguments.get(rule.stores().argument()).value();
            List<Long> words = new ArrayList<>();
            for (long word : line.words(rule.stores().key())) {
                words.add(word);
            }
            long last = pa + (words.size() - 1L) * Long.BYTES;
            if ((pa & 7) != 0 || (pa | last) >>> 52 != 0) {
                throw line.reject(rule.stores().key(), "is for an address that is no multiple of 8 below 2^52");
            }
            return new CaptureRecord.Call.Stored(pa, words);
        }

        private long number(Value value) {
            long number = switch (value.form()) {
                case CONSTANT -> value.constant();
                case NUMBER -> number(value.key());
                case BYTES ->
                    Long.parseUnsignedLong(
                            HexFormat.of().formatHex(line.bytes(value.key(), Long.BYTES, Long.BYTES)), 16);
                case LOG2 -> log2(value.key());
                case LENGTH -> number(value.lastKey()) - number(value.key()) + 1;
                case SCALED -> scaled(value.key(), value.lastKey());
            };
            return number >>> value.shift() & value.mask();
        }

        private long log2(String key) {
            long number = number(key);
            if (Long.bitCount(number) != 1) {
                throw line.reject(matcher == null ? key : TEXT, key + " is not a power of two");
            }
            return Long.numberOfTrailingZeros(number);
        }

        private long scaled(String key, String shiftKey) {
            long number = line.number(key, 0, Long.MAX_VALUE);
            int shift = (int) line.number(shiftKey, 0, Long.SIZE - 1);
            if (number > Long.MAX_VALUE >>> shift) {
                throw line.reject(key, "is more than 2^63 bytes");
            }
            return number << shift;
        }

        private long number(String key) {
            if (matcher == null) {
                return line.number(key);
            }
            String text = matcher.group(key);
            return text.startsWith("0x") ? Long.parseUnsignedLong(text, 2, text.length(), 16) : Long.parseLong(text);
        }
    }
}
