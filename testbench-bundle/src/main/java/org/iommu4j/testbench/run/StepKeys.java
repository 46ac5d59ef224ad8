package org.iommu4j.testbench.run;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The steps that there are, and the keys that each understands. */
final class StepKeys {
    /** Keys of every step. */
    static final List<String> COMMON = List.of("op", "comment", "unit");

    /** The operands of an instruction stand in the step by their names, which its model says. */
    static final String BY_NAME = "operands by name";

    /** The keys of each step beside {@link #COMMON}, in the order of the documents. */
    static final Map<String, List<String>> ALL = all();

    private StepKeys() {}

    private static Map<String, List<String>> all() {
        List<String> access = List.of("requester", "pasid", "iova", "access", "privileged", "len", "during", "expect");
        Map<String, List<String>> keys = new LinkedHashMap<>();
        keys.put("mem_write", List.of("pa", "hex", "words"));
        keys.put("repeat_mem", List.of("pa", "hex", "stride", "count"));
        keys.put("mem_read", List.of("pa", "length", "mask", "expect"));
        keys.put("mmio_write", List.of("off", "size", "value", "rel"));
        keys.put("mmio_read", List.of("off", "size", "mask", "rel", "expect"));
        keys.put("dma", with(access, "data", "translated"));
        keys.put("ats", access);
        keys.put("hcall", List.of("name", "number", "args", "expect"));
        keys.put("rtas", List.of("name", "number", "args", "nret", "expect"));
        keys.put("instruction", List.of("name", BY_NAME, "expect"));
        keys.put("events", List.of("expect"));
        keys.put("irq", List.of("min", "max"));
        keys.put("step", List.of("n"));
        keys.put("repeat", List.of("count", "steps"));
        keys.put("ioctl", List.of("container", "request", "hex", "abi", "expect"));
        keys.put("offer", List.of("container", "subVersion", "expect"));
        keys.put("attach", List.of("container", "requester", "table", "levels", "expect"));
        keys.put("detach", List.of("container", "requester", "expect"));
        keys.put("map", List.of("container", "gpa", "len", "hpa", "access", "expect"));
        keys.put("unmap", List.of("container", "gpa", "len", "hpa", "all", "expect"));
        keys.put("native", List.of("expect"));
        keys.put("cache", List.of("expect"));
        keys.put("findings", List.of("expect"));
        keys.put("device", List.of("requester", "name", "answers"));
        keys.put("open", List.of("subVersion", "config"));
        keys.put("reset", List.of());
        keys.put("unplug", List.of());
        keys.put("save", List.of("as"));
        keys.put("restore", List.of("from"));
        keys.put("swap", List.of("to", "inPlace", "expect"));
        return keys;
    }

    private static List<String> with(List<String> keys, String... more) {
        List<String> all = new ArrayList<>(keys);
        all.addAll(List.of(more));
        return List.copyOf(all);
    }
}
