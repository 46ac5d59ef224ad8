package org.iommu4j.upgrade.replay;

import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.CallFormat.Operand;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Platform;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.upgrade.capture.CaptureRecord;

/** Makes captured hypercalls, firmware calls and instructions, and compares what comes back. Used by one thread. */
public final class CallPlayer {
    private static final int PAGE_BYTES = 4096;

    private final ExplainHints hints;
    private final List<CallFormat> formats;
    private final ByteOrder order;
    private final Platform platform;
    private final Consumer<NativeCall> target;
    private final NativeCall call = new NativeCall();
    private final long[] made = new long[NativeCall.WORDS];

    /**
     * A player.
     *
     * @param backend says how its calls are made
     * @param platform where the guest's memory is
     * @param target takes the calls
     */
    public CallPlayer(Backend backend, Platform platform, Consumer<NativeCall> target) {
        hints = ExplainHints.of(backend);
        formats = backend.calls();
        order = backend.describe().model().payloadOrder();
        this.platform = platform;
        this.target = target;
    }

    /**
     * Something that did not come back as the capture says.
     *
     * @param what the call and what of it
     * @param expected by the capture
     * @param got from the machine
     * @param explain command lines that decode the call; empty if there is nothing to decode
     */
    public record Mismatch(String what, String expected, String got, List<String> explain) {
        /** Copies the list. */
        public Mismatch {
            explain = List.copyOf(explain);
        }

        /** A mismatch of what is no call. */
        Mismatch(String what, String expected, String got) {
            this(what, expected, got, List.of());
        }

        @Override
        public String toString() {
            return what + ": expected " + expected + ", got " + got;
        }

        /** The same with the command lines that decode the call. */
        public String explained() {
            return explain.isEmpty() ? toString() : this + "; " + String.join("; ", explain);
        }
    }

    /**
     * Makes a call.
     *
     * @return what is not as the capture says; empty if everything is
     * @throws org.iommu4j.backend.BackendException as the target does
     */
    public List<Mismatch> make(CaptureRecord.Call captured) {
        CallFormat format = formats.stream()
                .filter(one -> one.named(captured.call()))
                .findFirst()
                .orElse(null);
        if (format == null) {
            return List.of(new Mismatch(captured.call(), "a call", "the backend has no such call"));
        }
        store(captured.stored());
        call.begin(format.function());
        long block = 0;
        int blockPages = 0;
        try {
            for (CaptureRecord.Call.Argument argument : captured.arguments()) {
                if (argument.operand() == null) {
                    call.word(argument.word(), argument.value());
                    continue;
                }
                Operand operand = operand(format, argument.operand());
                if (operand == null) {
                    return List.of(new Mismatch(
                            captured.call(),
                            "operand " + argument.operand(),
                            "the backend's call has no such operand"));
                }
                long value = argument.value();
                if (argument.hex() != null) {
                    byte[] bytes = HexFormat.of().parseHex(argument.hex());
                    blockPages = (Math.max(bytes.length, operand.lengthBytes()) + PAGE_BYTES - 1) / PAGE_BYTES;
                    block = platform.allocatePages(blockPages);
                    platform.memory().write(block, bytes, 0, bytes.length);
                    value = block;
                }
                operand.set(call, value);
            }
            // The results replace the arguments.
            Arrays.setAll(made, call::word);
            target.accept(call);
            return compare(captured, format, block);
        } catch (IllegalArgumentException e) {
            return List.of(new Mismatch(captured.call(), "operands that fit", e.getMessage()));
        } finally {
            if (blockPages > 0) {
                platform.freePages(block, blockPages);
            }
        }
    }

    private void store(CaptureRecord.Call.Stored stored) {
        GuestWords.store(platform.memory(), order, stored.pa(), stored.words());
    }

    private static Operand operand(CallFormat format, String name) {
        return format.operands().stream()
                .filter(operand -> operand.named(name))
                .findFirst()
                .orElse(null);
    }

    private List<Mismatch> compare(CaptureRecord.Call captured, CallFormat format, long block) {
        if (call.result() != captured.code()) {
            return List.of(new Mismatch(
                    captured.call(), code(format, captured.code()), code(format, call.result()), explain(captured)));
        }
        List<Mismatch> mismatches = new ArrayList<>();
        for (CaptureRecord.Call.Result result : captured.results()) {
            long expected = result.value();
            long got = result.word() >= 0 ? call.word(result.word()) : read(block, result);
            if (got != expected) {
                mismatches.add(new Mismatch(
                        captured.call() + " " + result.name(), hex(expected), hex(got), explain(captured)));
            }
        }
        return mismatches;
    }

    /** The command line that decodes the call that was made last. */
    String lastHint() {
        return hints.call(call.function(), made);
    }

    /** The command lines that decode the call and the blocks of memory that it was given. */
    private List<String> explain(CaptureRecord.Call captured) {
        return Stream.concat(
                        Stream.of(hints.call(call.function(), made)),
                        captured.arguments().stream()
                                .filter(argument -> argument.operand() != null && argument.hex() != null)
                                .map(argument -> hints.structure(
                                        argument.operand(), HexFormat.of().parseHex(argument.hex()))))
                .filter(hint -> !hint.isEmpty())
                .distinct()
                .toList();
    }

    private long read(long block, CaptureRecord.Call.Result result) {
        byte[] bytes = new byte[result.layout().sizeBytes()];
        platform.memory().read(block + result.offset(), bytes, 0, bytes.length);
        return result.field().get(result.layout().decode(bytes, 0));
    }

    private static String code(CallFormat format, long code) {
        String name = format.codeName(code);
        return name.isEmpty() ? Long.toString(code) : code + " (" + name + ")";
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }
}
