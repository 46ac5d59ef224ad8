package org.iommu4j.testbench.run;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.iommu4j.json.Json;

/** The expectation of an access. */
@FunctionalInterface
interface AccessExpectation {
    /** True if it came so. */
    boolean holds(Access.Result result);

    /** Reads an {@code expect} object. */
    static AccessExpectation of(Json json) {
        Fields fields = new Fields(json, "expect");
        List<AccessExpectation> all = new ArrayList<>();
        if (fields.has("pa")) {
            long pa = fields.number("pa");
            all.add(result -> result.fault() == null && result.segments().get(0).pa() == pa);
        }
        if (fields.has("segments")) {
            List<Access.Segment> segments = segments(fields.require("segments"));
            all.add(result -> result.fault() == null && result.segments().equals(segments));
        }
        if (fields.has("fault")) {
            all.add(fault(new Fields(fields.require("fault"), "fault")));
        }
        if (fields.has("either")) {
            List<AccessExpectation> choices = new ArrayList<>();
            for (Json choice : fields.require("either").list("either")) {
                choices.add(of(choice));
            }
            all.add(result -> choices.stream().anyMatch(choice -> choice.holds(result)));
        }
        fields.end();
        if (all.isEmpty()) {
            throw json.wrong("expect", "names none of pa, segments, fault, either");
        }
        return result -> all.stream().allMatch(one -> one.holds(result));
    }

    private static List<Access.Segment> segments(Json json) {
        List<Access.Segment> segments = new ArrayList<>();
        for (Json element : json.list("segments")) {
            Fields fields = new Fields(element, "segments");
            segments.add(new Access.Segment(fields.number("pa"), fields.number("len")));
            fields.end();
        }
        return Access.merge(segments);
    }

    private static AccessExpectation fault(Fields fields) {
        List<AccessExpectation> all = new ArrayList<>();
        all.add(result -> result.fault() != null);
        if (fields.has("code")) {
            int code = fields.integer("code", Integer.MAX_VALUE);
            all.add(result -> result.fault().code() == code);
        }
        if (fields.has("name")) {
            String name = plain(fields.text("name"));
            all.add(result -> plain(result.fault().name()).equals(name));
        }
        if (fields.has("recorded")) {
            boolean recorded = fields.flag("recorded");
            all.add(result -> result.fault().recorded() == recorded);
        }
        if (fields.has("abort")) {
            boolean abort = fields.flag("abort");
            all.add(result -> result.fault().recorded() != abort);
        }
        if (fields.has("iova")) {
            long iova = fields.number("iova");
            // A record holds the page only, so that a page stands for every address in it.
            all.add(result -> result.fault().iova() == iova || (result.fault().iova() & -4096L) == iova);
        }
        fields.end();
        return result -> all.stream().allMatch(one -> one.holds(result));
    }

    private static String plain(String name) {
        return name.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]", "");
    }
}
