package org.iommu4j.testbench.run;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.OneLine;

/** Requests of the contract, and what is expected of their answers. */
final class ContractSteps {
    /** Names of the one request: as the contract calls it, and as the proposed header does. */
    private static final List<String> REQUESTS = List.of("VFIO_IOMMU_OP", "VFIO_IOMMU_OP_IOCTL");

    private ContractSteps() {}

    /** A call of the contract. */
    @FunctionalInterface
    interface Call {
        /** Makes it. */
        void run(Completion completion);
    }

    /**
     * The expectation of a request; null fields are not checked.
     *
     * @param handled -1 if it is not checked
     */
    record Expected(Errno errno, String rule, String field, Fidelity fidelity, int handled, byte[] hex) {
        /** Reads an {@code expect} object; null expects nothing. */
        static Expected of(Json json) {
            if (json == null) {
                return new Expected(null, null, null, null, -1, null);
            }
            Fields fields = new Fields(json, "expect");
            Errno errno = fields.has("errno") ? errno(fields) : null;
            String rule = fields.has("rule") ? rule(fields) : null;
            String field = fields.has("field") ? fields.text("field") : null;
            Fidelity fidelity = fields.has("fidelity") ? fidelity(fields) : null;
            int handled = fields.integer("handled", Integer.MAX_VALUE, -1);
            byte[] hex = fields.has("hex") ? fields.hex("hex") : null;
            fields.end();
            return new Expected(errno, rule, field, fidelity, handled, hex);
        }

        private static Errno errno(Fields fields) {
            Json json = fields.require("errno");
            for (Errno errno : Errno.values()) {
                if (json.isNumber()
                        ? json.number("errno") == errno.number()
                        : errno.name().equals(json.value())) {
                    return errno;
                }
            }
            throw fields.wrong("errno", "unknown errno " + json.toText());
        }

        private static String rule(Fields fields) {
            String name = fields.text("rule");
            for (Rule rule : Rule.values()) {
                if (rule.name().equals(name)) {
                    return name;
                }
            }
            throw fields.wrong("rule", "unknown rule '" + name + "'");
        }

        private static Fidelity fidelity(Fields fields) {
            String name = fields.text("fidelity");
            for (Fidelity fidelity : Fidelity.values()) {
                if (fidelity.name().equals(name)) {
                    return fidelity;
                }
            }
            throw fields.wrong("fidelity", "'" + name + "' is not EXACT or WIDENED");
        }

        boolean holds(Completion completion, byte[] memory) {
            return (errno == null || errno == completion.errno())
                    && (rule == null
                            || (completion.rule() != null
                                    && completion.rule().name().equals(rule)))
                    && (field == null || field.equals(completion.field()))
                    && (fidelity == null || (completion.errno() == Errno.OK && fidelity == completion.fidelity()))
                    && (handled < 0 || handled == completion.handled())
                    && (hex == null || Arrays.equals(hex, memory));
        }
    }

    /** An {@code ioctl} step. */
    static Step.Action ioctl(Fields fields) {
        long request = request(fields);
        byte[] bytes = fields.hex("hex");
        Abi abi = Abi.LP64_LE;
        if (fields.has("abi")) {
            abi = Abi.ofLabel(fields.text("abi"));
            if (abi == null) {
                throw fields.wrong("abi", "'" + fields.text("abi") + "' is not one of lp64-le, lp64-be, i386");
            }
        }
        Abi image = abi;
        Json expect = fields.get("expect");
        Expected expected = Expected.of(expect);
        return machine -> {
            byte[] memory = bytes.clone();
            Answer answer =
                    answer(expect, expected, memory, completion -> machine.ioctl(request, image, memory, completion));
            boolean done = Errno.OK.name().equals(answer.values().get("errno"));
            return done && answer.met()
                    ? answer
                    : answer.explained(ExplainHints.list(ExplainHints.request(
                            image, machine.model(), machine.unit().subVersion(), bytes)));
        };
    }

    private static long request(Fields fields) {
        Json json = fields.require("request");
        if (json.isNumber()) {
            return json.number("request");
        }
        if (!REQUESTS.contains(json.text("request"))) {
            throw fields.wrong(
                    "request",
                    "unknown request '" + OneLine.name(json.text("request")) + "'; known: "
                            + String.join(", ", REQUESTS));
        }
        return Uapi.VFIO_IOMMU_OP;
    }

    /**
     * Makes a call and compares its answer.
     *
     * @param memory of the argument after the call; null if the call has none
     */
    static Answer answer(Json expect, Expected expected, byte[] memory, Call call) {
        Completion completion = new Completion().begin();
        try {
            call.run(completion);
        } catch (BackendException e) {
            completion.fail(e.errno(), e.getMessage());
        }
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("errno", completion.errno().name());
        if (completion.errno() == Errno.OK) {
            values.put("fidelity", completion.fidelity().name());
        }
        values.put("handled", completion.handled());
        if (completion.rule() != null) {
            values.put("rule", completion.rule().name());
        }
        if (!completion.field().isEmpty()) {
            values.put("field", completion.field());
            values.put("offset", completion.offset());
            values.put("value", Json.hex(completion.value()));
        }
        if (!completion.reason().isEmpty()) {
            values.put("reason", completion.reason());
        }
        if (memory != null && completion.errno() == Errno.OK) {
            values.put("hex", HexFormat.of().formatHex(memory));
        }
        return Answer.of(values).against(expect, expected.holds(completion, memory));
    }
}
