package org.iommu4j.testing;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;

/**
 * Writes down what is done with a {@link BackendMachine} as the steps of a case file (docs/test-bench.md): memory, domains as containers of
 * a client's generation, attachments, binds, invalidations, accesses. Between two pieces of work nothing is watched, and nothing is slower.
 */
public final class CaseRecorder {
    private static final int LONGEST_WRITE = 8;

    /** The one that watches machines that are made now; null if none does. Tests of a class run one after the other. */
    private static CaseRecorder watching;

    private final IommuModel model;
    private final int client;
    private final List<String> steps = new ArrayList<>();
    private final List<Access> accesses = new ArrayList<>();
    private HardwareConfig config;
    private InvalidateRequest instead;
    private boolean asked;

    /**
     * An access after the request that is looked at.
     *
     * @param step its place among the steps
     * @param outcome as a case expects it
     */
    private record Access(int step, String outcome) {}

    private CaseRecorder(IommuModel model, int client) {
        this.model = model;
        this.client = client;
    }

    /** Watches the machines that some work makes, whose containers are of a client's generation. */
    static CaseRecorder of(IommuModel model, int client, java.util.function.Consumer<CaseRecorder> work) {
        CaseRecorder recorder = new CaseRecorder(model, client);
        watching = recorder;
        try {
            work.accept(recorder);
        } finally {
            watching = null;
        }
        return recorder;
    }

    static CaseRecorder watching() {
        return watching;
    }

    /** The next invalidation is this one, as its client sent it; what comes after is looked at. */
    void request(InvalidateRequest original) {
        instead = original;
    }

    Hardware watch(HardwareConfig ofChip, Hardware chip) {
        config = ofChip;
        return proxy(Hardware.class, chip, (method, arguments) -> {
            if (method.getName().equals("translate")) {
                access((DmaAccess) arguments[0]);
            }
        });
    }

    PhysicalMemory watch(PhysicalMemory memory) {
        return proxy(PhysicalMemory.class, memory, (method, arguments) -> {
            if (method.getName().startsWith("write")) {
                long pa = (long) arguments[0];
                int length = switch (method.getName()) {
                    case "write" -> (int) arguments[3];
                    case "writeIntLe" -> Integer.BYTES;
                    case "writePairLe" -> 2 * Long.BYTES;
                    default -> LONGEST_WRITE;
                };
                byte[] bytes = new byte[length];
                memory.read(pa, bytes, 0, length);
                add("mem_write", "pa", hex(pa), "hex", HexFormat.of().formatHex(bytes));
            }
        });
    }

    Translator watch(Translator driver) {
        return proxy(Translator.class, driver, (method, arguments) -> {
            switch (method.getName()) {
                case "openDomain" -> add("offer", "container", String.valueOf(arguments[0]), "subVersion", hex(client));
                case "attach" -> attach(arguments);
                case "detach" ->
                    add("detach", "container", String.valueOf(arguments[0]), "requester", hex((int) arguments[1]));
                case "bind" -> {
                    BindRequest bind = (BindRequest) arguments[1];
                    int from = bind.payloadOffset();
                    byte[] payload = Arrays.copyOfRange(bind.payload(), from, from + bind.payloadLength());
                    ioctl(arguments[0], writer().bind(bind.operation(), bind.flags(), payload));
                }
                case "invalidate" -> invalidate(arguments[0], (InvalidateRequest) arguments[1]);
                default -> {
                    // Nothing that a case has a step for.
                }
            }
        });
    }

    private RequestWriter writer() {
        return new RequestWriter(Abi.LP64_LE, model, client);
    }

    private void attach(Object... arguments) {
        long table = (long) arguments[2];
        if (table == -1) {
            add("attach", "container", String.valueOf(arguments[0]), "requester", hex((int) arguments[1]));
        } else {
            add(
                    "attach",
                    "container",
                    String.valueOf(arguments[0]),
                    "requester",
                    hex((int) arguments[1]),
                    "table",
                    hex(table),
                    "levels",
                    hex((int) arguments[3]));
        }
    }

    private void invalidate(Object domain, InvalidateRequest carriedOut) {
        InvalidateRequest request = instead == null ? carriedOut : instead;
        asked |= instead != null;
        instead = null;
        int from = request.payloadOffset();
        byte[] payload = request.payloadLength() == 0
                ? new byte[0]
                : Arrays.copyOfRange(request.payload(), from, from + request.payloadLength());
        ioctl(
                domain,
                writer().invalidate(
                                request.scope(),
                                request.flags(),
                                request.pasid(),
                                request.vaddr(),
                                request.size(),
                                payload));
    }

    private void ioctl(Object domain, byte[] request) {
        add(
                "ioctl",
                "container",
                String.valueOf(domain),
                "request",
                "VFIO_IOMMU_OP",
                "hex",
                HexFormat.of().formatHex(request));
    }

    private void access(DmaAccess access) {
        String kind = (access.rights() & DmaAccess.WRITE) != 0 ? "write" : "read";
        String iova = hex(access.iova());
        if (asked) {
            accesses.add(new Access(
                    steps.size(),
                    access.outcome() == DmaAccess.Outcome.TRANSLATED
                            ? "{\"pa\": \"" + hex(access.spa()) + "\"}"
                            : "{\"fault\": {}}"));
        }
        if (access.pasid() == DmaAccess.NO_PASID) {
            add("dma", "requester", hex(access.requester()), "iova", iova, "access", kind);
        } else {
            String pasid = hex(access.pasid());
            add("dma", "requester", hex(access.requester()), "pasid", pasid, "iova", iova, "access", kind);
        }
    }

    private void add(String op, String... keysAndValues) {
        StringBuilder step = new StringBuilder("{\"op\": \"" + op + "\"");
        for (int i = 0; i < keysAndValues.length; i += 2) {
            step.append(", \"")
                    .append(keysAndValues[i])
                    .append("\": \"")
                    .append(keysAndValues[i + 1])
                    .append('"');
        }
        steps.add(step.append('}').toString());
    }

    private static String hex(long number) {
        return "0x" + Long.toHexString(number);
    }

    private static String hex(int number) {
        return "0x" + Integer.toHexString(number);
    }

    /**
     * A line of a case file: what was done here, with what the accesses after the request have to come to. More may be dropped than by
     * the right machine, but not less.
     *
     * @param right the same work on a machine that does it right
     * @param fresh the same with everything dropped
     */
    String line(String id, String about, CaseRecorder right, CaseRecorder fresh) {
        List<String> expecting = new ArrayList<>(steps);
        boolean alike = accesses.size() == right.accesses.size() && accesses.size() == fresh.accesses.size();
        for (int i = 0; i < accesses.size() && alike; i++) {
            String step = steps.get(accesses.get(i).step());
            String one = right.accesses.get(i).outcome();
            String other = fresh.accesses.get(i).outcome();
            expecting.set(
                    accesses.get(i).step(),
                    step.substring(0, step.length() - 1) + ", \"expect\": "
                            + (one.equals(other) ? one : "{\"either\": [" + one + ", " + other + "]}") + "}");
        }
        return "{\"id\": \"" + id + "\", \"model\": \"" + model.label() + "\", \"subVersion\": \""
                + hex(config.subVersion()) + "\", \"about\": \"" + about.replace('"', '\'') + "\", \"config\": "
                + settings() + ", \"steps\": [" + String.join(", ", expecting) + "]}";
    }

    private String settings() {
        List<String> settings = new ArrayList<>();
        new TreeMap<>(config.options()).forEach((key, value) -> settings.add("\"" + key + "\": \"" + value + "\""));
        Map<String, Map<String, Long>> groups = new TreeMap<>(config.fields());
        if (!config.registers().isEmpty()) {
            groups.put("registers", config.registers());
        }
        groups.forEach((group, fields) -> {
            List<String> values = new ArrayList<>();
            new TreeMap<>(fields).forEach((field, value) -> values.add("\"" + field + "\": \"" + hex(value) + "\""));
            settings.add("\"" + group + "\": {" + String.join(", ", values) + "}");
        });
        settings.add(
                "\"cache\": \"" + config.cache().name().toLowerCase(Locale.ROOT).replace('_', '-') + "\"");
        return "{" + String.join(", ", settings) + "}";
    }

    /** Listens to calls after they came back. */
    private interface Watcher {
        void called(Method method, Object... arguments);
    }

    private static <T> T proxy(Class<T> type, T target, Watcher watcher) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(), new Class<?>[] {type}, (self, method, arguments) -> {
                    try {
                        Object answer = method.invoke(target, arguments);
                        watcher.called(method, arguments);
                        return answer;
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
    }
}
