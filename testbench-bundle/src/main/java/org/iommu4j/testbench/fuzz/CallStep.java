package org.iommu4j.testbench.fuzz;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.CallFormat.Operand;
import org.iommu4j.backend.NativeCall;

/** A call as a step of the case format. */
final class CallStep {
    private CallStep() {}

    /**
     * The step.
     *
     * @param format of the call; null for a number that nobody knows
     */
    static Map<String, Object> of(CallFormat format, int function, long[] words) {
        if (format == null || format.kind() == CallFormat.Kind.HYPERCALL) {
            int count = format == null ? 0 : format.operands().size();
            List<Object> arguments = new ArrayList<>();
            for (int word = 0; word < count; word++) {
                arguments.add(Steps.hex(words[word]));
            }
            return Steps.step("hcall", "number", Steps.hex(Integer.toUnsignedLong(function)), "args", arguments);
        }
        if (format.kind() == CallFormat.Kind.RTAS) {
            int most = NativeCall.WORDS - CallFormat.RTAS_FIRST_ARGUMENT;
            int count = (int) Math.max(0, Math.min(words[CallFormat.RTAS_ARGUMENT_COUNT], most));
            List<Object> arguments = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                arguments.add(Steps.hex(words[CallFormat.RTAS_FIRST_ARGUMENT + i]));
            }
            return Steps.step(
                    "rtas",
                    "number",
                    Steps.hex(Integer.toUnsignedLong(function)),
                    "args",
                    arguments,
                    "nret",
                    Steps.hex(words[CallFormat.RTAS_RETURN_COUNT]));
        }
        NativeCall call = new NativeCall().begin(function);
        for (int word = 0; word < words.length; word++) {
            call.word(word, words[word]);
        }
        Map<String, Object> step = new LinkedHashMap<>();
        step.put("op", "instruction");
        step.put("name", format.name());
        Map<Integer, Long> named = new LinkedHashMap<>();
        for (Operand operand : format.operands()) {
            long mask = -1L >>> (Long.SIZE - operand.width()) << operand.shift();
            long before = named.getOrDefault(operand.word(), 0L);
            // Several operands may be names of the same bits: one is enough.
            if ((before & mask) == 0) {
                named.put(operand.word(), before | mask);
                step.put(operand.name(), Steps.hex(operand.get(call)));
            }
        }
        return step;
    }
}
