package org.iommu4j.upgrade.capture;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.capture.CallRecords;
import org.iommu4j.backend.capture.CallRule;
import org.iommu4j.backend.capture.CallRule.Argument;
import org.iommu4j.backend.capture.CallRule.Part;
import org.iommu4j.backend.capture.CallRule.Placed;
import org.iommu4j.backend.capture.CallRule.Result;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.backend.capture.CapturedNumber;
import org.iommu4j.upgrade.json.JsonObject;

/** Makes calls of records, by the rules of a format. */
final class CallReader {
    private static final int MAX_BLOCK_BYTES = 4096;
    private static final int MAX_NAME = 64;
    private static final String TEXT = "text";

    private final ByteOrder order;
    private final List<CallRule> rules;
    private final List<CallRecords.Description> descriptions;
    private String unit = "";

    CallReader(CaptureFormat format) {
        order = format.model().payloadOrder();
        rules = format.calls().rules();
        descriptions = format.calls().descriptions();
    }

    /** The call that a record is, or null if no rule fits it. */
    CaptureRecord.Call read(long t, String record, JsonObject line) {
        unit = "";
        for (CallRule rule : rules) {
            if (rule.record().equals(record)) {
                Matcher matcher = rule.text() == null ? null : rule.text().matcher(line.text(TEXT));
                if (matcher == null || matcher.lookingAt()) {
                    Source source = new Source(line, matcher, order);
                    unit = source.unit(rule.unit());
                    return source.call(t, rule);
                }
            }
        }
        return null;
    }

    /** The call that a rule makes of an object; null if it makes none. */
    static CaptureRecord.Call apply(CallRule rule, JsonObject object, ByteOrder order) {
        Source source = new Source(object, null, order);
        return rule.unless() != null && source.number(rule.unless()) == 0 ? null : source.call(-1, rule);
    }

    /** A record that is no call, with the facts that it tells of the chip. */
    CaptureRecord.Other other(long t, String record, JsonObject line) {
        unit = "";
        Map<String, Long> facts = new HashMap<>();
        boolean describes = false;
        for (CallRecords.Description one : descriptions) {
            if (one.record().equals(record)
                    && line.isText(one.key())
                    && line.text(one.key()).equals(one.text())) {
                Source source = new Source(line, null, order);
                if (source.number(one.zero()) == 0) {
                    one.values().forEach((name, value) -> facts.put(one.name() + "." + name, source.number(value)));
                    unit = source.unit(one.unit());
                    describes = one.unit() != null;
                }
            }
        }
        return new CaptureRecord.Other(t, record, facts, describes);
    }

    /** The unit that the last record names by one of its numbers; empty if it names none. */
    String unit() {
        return unit;
    }

    /** Source of the numbers of one record: its keys, or the groups of its text if {@code matcher} is not null. */
    private record Source(JsonObject line, Matcher matcher, ByteOrder order) {
        String unit(CapturedNumber number) {
            return number == null ? "" : Long.toUnsignedString(number(number));
        }

        CaptureRecord.Call call(long t, CallRule rule) {
            String kind = rule.kind();
            if (kind == null) {
                kind = line.name(rule.kindKey(), MAX_NAME);
            }
            String fact = rule.fact() == null ? kind : rule.fact();
            Map<String, Long> facts = new HashMap<>();
            facts.put(fact, 1L);
            List<CaptureRecord.Call.Result> results = new ArrayList<>();
            for (Result result : rule.results()) {
                long value = number(result.expected());
                facts.put(fact + "." + result.name(), value);
                results.add(new CaptureRecord.Call.Result(
                        result.name(), result.word(), result.offset(), result.layout(), result.field(), value));
            }
            rule.tells().forEach((name, value) -> facts.put(fact + "." + name, number(value)));
            List<CaptureRecord.Call.Argument> arguments = arguments(rule);
            return new CaptureRecord.Call(
                    t,
                    kind,
                    rule.call() == null ? kind : rule.call(),
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
                    if (words.length > NativeCall.WORDS - argument.word()) {
                        throw line.reject(argument.listKey(), "has more than " + NativeCall.WORDS + " arguments");
                    }
                    for (int i = 0; i < words.length; i++) {
                        arguments.add(new CaptureRecord.Call.Argument(null, argument.word() + i, words[i], null));
                    }
                } else if (argument.value() != null) {
                    arguments.add(new CaptureRecord.Call.Argument(
                            argument.operand(), argument.word(), number(argument.value()), null));
                } else {
                    arguments.add(new CaptureRecord.Call.Argument(argument.operand(), 0, 0, block(argument)));
                }
            }
            return arguments;
        }

        private String block(Argument argument) {
            if (argument.hexKey() != null) {
                return HexFormat.of().formatHex(line.bytes(argument.hexKey(), 1, MAX_BLOCK_BYTES));
            }
            StringBuilder hex = new StringBuilder();
            for (Part part : argument.block()) {
                long[] words = new long[part.layout().words()];
                for (Placed placed : part.fields()) {
                    int word = placed.field().word();
                    words[word] |= fitting(placed);
                }
                hex.append(HexFormat.of().formatHex(part.layout().encode(words)));
            }
            return hex.toString();
        }

        private long fitting(Placed placed) {
            long value = number(placed.value());
            try {
                return placed.field().of(value);
            } catch (IllegalArgumentException e) {
                throw line.reject(placed.value().key(), e.getMessage());
            }
        }

        private CaptureRecord.Call.Stored stored(CallRule rule, List<CaptureRecord.Call.Argument> arguments) {
            if (rule.stores() == null || line.isNull(rule.stores().key())) {
                return CaptureRecord.Call.Stored.NOTHING;
            }
            long pa = arguments.stream()
                    .filter(argument -> argument.operand() == null
                            && argument.word() == rule.stores().word())
                    .findFirst()
                    .orElseThrow(() -> line.reject(rule.stores().key(), "stands beside a call that says not where"))
                    .value();
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

        long number(CapturedNumber number) {
            long whole = switch (number.form()) {
                case CONSTANT -> 0;
                case NUMBER -> number(number.key());
                case FIRST -> line.words(number.key())[0];
                case BYTES ->
                    ByteBuffer.wrap(line.bytes(number.key(), Long.BYTES, Long.BYTES))
                            .order(order)
                            .getLong();
                case LOG2 -> log2(number.key());
                case LENGTH -> number(number.secondKey()) - number(number.key()) + 1;
                case SCALED -> scaled(number.key(), number.secondKey());
            };
            return number.part(whole);
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
