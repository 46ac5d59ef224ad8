package org.iommu4j.testbench.model;

import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.testbench.run.StepRunner;

/** What is done with a machine, as the steps of a case file. */
class ModelScript {
    /** Writes nothing down. */
    static final ModelScript NONE = new ModelScript() {
        @Override
        void add(String op, Object... keysAndValues) {
            // Nobody reads it.
        }
    };

    private final List<Map<String, Object>> steps = new ArrayList<>();
    private final Map<Long, Long> memory = new HashMap<>();
    private final ModelVendor vendor;
    private final Set<Integer> domains;

    private ModelScript() {
        this(null, Set.of());
    }

    /**
     * A script.
     *
     * @param domains whose tables are of interest
     */
    ModelScript(ModelVendor vendor, Set<Integer> domains) {
        this.vendor = vendor;
        this.domains = domains;
    }

    private static String hex(long number) {
        return "0x" + Long.toHexString(number);
    }

    void add(String op, Object... keysAndValues) {
        Map<String, Object> step = new LinkedHashMap<>();
        step.put("op", op);
        for (int i = 0; i < keysAndValues.length; i += 2) {
            step.put((String) keysAndValues[i], keysAndValues[i + 1]);
        }
        steps.add(step);
    }

    /** An entry is written; equal ones one after the other are one step. */
    void store(int domain, long at, long entry) {
        if (!domains.contains(domain) || memory.getOrDefault(at, 0L) == entry) {
            return;
        }
        memory.put(at, entry);
        Map<String, Object> last = steps.isEmpty() ? Map.of() : steps.get(steps.size() - 1);
        String bytes = bytes(entry);
        if ("repeat_mem".equals(last.get("op"))
                && bytes.equals(last.get("hex"))
                && at == Long.decode((String) last.get("pa")) + (int) last.get("count") * (long) Long.BYTES) {
            last.put("count", (int) last.get("count") + 1);
        } else {
            add("repeat_mem", "pa", hex(at), "hex", bytes, "stride", Long.BYTES, "count", 1);
        }
    }

    private String bytes(long entry) {
        return HexFormat.of().toHexDigits(vendor.order() == ByteOrder.BIG_ENDIAN ? entry : Long.reverseBytes(entry));
    }

    void attach(int domain, int requester, long table, int levels) {
        add(
                "attach",
                "container",
                String.valueOf(domain),
                "requester",
                hex(Integer.toUnsignedLong(requester)),
                "table",
                hex(table),
                "levels",
                levels);
    }

    void detach(int domain, int requester) {
        add("detach", "container", String.valueOf(domain), "requester", hex(Integer.toUnsignedLong(requester)));
    }

    void invalidate(int domain, int scope, int flags, long first, long bytes) {
        if (vendor == null) {
            return;
        }
        RequestWriter writer = new RequestWriter(
                Abi.LP64_LE,
                vendor.backend().describe().model(),
                vendor.config().subVersion());
        byte[] request = writer.invalidate(scope, flags, 0, first, bytes, new byte[0]);
        add(
                "ioctl",
                "container",
                String.valueOf(domain),
                "request",
                "VFIO_IOMMU_OP",
                "hex",
                HexFormat.of().formatHex(request));
    }

    /**
     * A device reads.
     *
     * @param allowed where the read may go; -1 for nowhere
     */
    void access(int requester, long iova, List<Long> allowed) {
        List<Map<String, Object>> choices = new ArrayList<>();
        allowed.forEach(pa -> choices.add(pa == -1 ? Map.of("fault", Map.of()) : Map.of("pa", hex(pa))));
        add(
                "dma",
                "requester",
                hex(Integer.toUnsignedLong(requester)),
                "iova",
                hex(iova),
                "access",
                "read",
                "expect",
                choices.size() == 1 ? choices.get(0) : Map.of("either", choices));
    }

    /** The case on one line. */
    String line(String id, String about) {
        Map<String, Object> config =
                new LinkedHashMap<>(new TreeMap<>(vendor.config().options()));
        new TreeMap<>(vendor.config().fields()).forEach((group, fields) -> config.put(group, new TreeMap<>(fields)));
        config.put("cache", vendor.config().cache().name().toLowerCase(Locale.ROOT));
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("id", id);
        line.put("model", vendor.backend().describe().model().label());
        line.put("subVersion", hex(vendor.config().subVersion()));
        line.put("about", about);
        line.put("config", config);
        line.put("steps", steps);
        return StepRunner.json(line);
    }
}
