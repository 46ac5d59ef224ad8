package org.iommu4j.testbench.run;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Function;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.json.Json;

/** Requests of the contract, and what is expected of their answers. */
final class ContractSteps {
    private static final String READ_WRITE = "rw";

    /** Names of the requests; the one of commands as the contract calls it, and as the proposed header does. */
    private static final Map<String, Integer> REQUESTS = new TreeMap<>(Map.of(
            "VFIO_IOMMU_OP", Uapi.VFIO_IOMMU_OP,
            "VFIO_IOMMU_OP_IOCTL", Uapi.VFIO_IOMMU_OP,
            "VFIO_IOMMU_MAP_DMA", Uapi.VFIO_IOMMU_MAP_DMA,
            "VFIO_IOMMU_UNMAP_DMA", Uapi.VFIO_IOMMU_UNMAP_DMA));

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
        String container = container(fields);
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
            Answer answer = answer(
                    expect,
                    expected,
                    memory,
                    completion -> machine.ioctl(container, request, image, memory, completion));
            boolean done = Errno.OK.name().equals(answer.values().get("errno"));
            return (done && answer.met()) || request != Uapi.VFIO_IOMMU_OP
                    ? answer
                    : answer.explained(ExplainHints.list(ExplainHints.request(
                            image, machine.model(), machine.unit().subVersion(), bytes)));
        };
    }

    /** An {@code offer} step. */
    static Step.Action offer(Fields fields) {
        String container = container(fields);
        fields.require("subVersion");
        int subVersion = fields.integer("subVersion", Integer.MAX_VALUE);
        Json expect = fields.get("expect");
        Expected expected = Expected.of(expect);
        return machine ->
                answer(expect, expected, null, completion -> machine.offer(container, subVersion, completion));
    }

    /** The name of the container of a step; the one without a name is empty. */
    static String container(Fields fields) {
        return fields.has("container") ? fields.text("container") : "";
    }

    private static long request(Fields fields) {
        Json json = fields.require("request");
        if (json.isNumber()) {
            return json.number("request");
        }
        Integer number = REQUESTS.get(json.text("request"));
        if (number == null) {
            throw fields.wrong(
                    "request",
                    "unknown request '" + OneLine.name(json.text("request")) + "'; known: "
                            + String.join(", ", REQUESTS.keySet()));
        }
        return number;
    }

    /** A {@code map} step. */
    static Step.Action map(Fields fields) {
        String access = fields.has("access") ? fields.text("access") : READ_WRITE;
        if (!READ_WRITE.contains(access) || access.isEmpty()) {
            throw fields.wrong("access", "'" + access + "' is not r, w or rw");
        }
        int flags = (access.contains("r") ? Uapi.MAP_FLAG_READ : 0) | (access.contains("w") ? Uapi.MAP_FLAG_WRITE : 0);
        Mapping mapping = new Mapping(fields.number("gpa"), fields.number("hpa"), fields.number("len"), flags);
        return change(fields, Uapi.VFIO_IOMMU_MAP_DMA, writer -> writer.map(mapping), completion -> {
            if (completion.rule() == Rule.V41 && mapping.iova() == mapping.pa()) {
                // A container without a memory map is mapped one to one already.
                completion.begin().done(Fidelity.EXACT);
            }
        });
    }

    /** An {@code unmap} step. */
    static Step.Action unmap(Fields fields) {
        boolean all = fields.flag("all");
        long iova = all ? 0 : fields.number("gpa");
        long size = all ? 0 : fields.number("len");
        fields.number("hpa", 0);
        return change(
                fields,
                Uapi.VFIO_IOMMU_UNMAP_DMA,
                writer -> writer.unmap(iova, size, all ? Uapi.UNMAP_FLAG_ALL : 0),
                completion -> {});
    }

    private static Step.Action change(
            Fields fields, int request, Function<RequestWriter, byte[]> written, Consumer<Completion> answered) {
        String container = container(fields);
        Json expect = fields.get("expect");
        Expected expected = Expected.of(expect);
        return machine -> {
            byte[] memory = written.apply(new RequestWriter(
                    Abi.LP64_LE, machine.model(), machine.unit().subVersion()));
            return answer(expect, expected, memory, completion -> {
                machine.ioctl(container, request, Abi.LP64_LE, memory, completion);
                answered.accept(completion);
            });
        };
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
