package org.iommu4j.testbench.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.json.Json;

/**
 * An access of a device, of any length, split where pages may end.
 *
 * @param requester of the device
 * @param pasid the PASID, or -1
 * @param iova first address
 * @param length in bytes
 * @param kind what it does
 * @param type how the device presents the address
 * @param privileged true for a privileged access
 * @param data what is written, or must come back; null if it only translates
 */
record Access(
        int requester,
        int pasid,
        long iova,
        long length,
        Kind kind,
        DmaAccess.AddressType type,
        boolean privileged,
        byte[] data) {
    private static final int PAGE = 4096;

    /** The kind of an access. */
    enum Kind {
        READ(DmaAccess.READ),
        WRITE(DmaAccess.WRITE),
        ATOMIC(DmaAccess.READ | DmaAccess.WRITE),
        EXECUTE(DmaAccess.READ | DmaAccess.EXECUTE);

        private final int rights;

        Kind(int rights) {
            this.rights = rights;
        }

        static Kind of(String label) {
            for (Kind kind : values()) {
                if (kind.name().toLowerCase(Locale.ROOT).equals(label)) {
                    return kind;
                }
            }
            return null;
        }

        boolean stores() {
            return this == WRITE || this == ATOMIC;
        }
    }

    /** A table entry that the chip read. */
    record Entry(String what, long pa, long word) {}

    /** A piece of physical memory. */
    record Segment(long pa, long length) {}

    /**
     * A refusal.
     *
     * @param code the model's own; -1 if none
     * @param name of the code; empty if none
     * @param recorded true if the chip recorded it
     * @param iova the piece of the access that was refused
     */
    record Fault(int code, String name, boolean recorded, long iova) {
        Map<String, Object> toJson() {
            Map<String, Object> values = new LinkedHashMap<>();
            if (code >= 0) {
                values.put("code", Json.hex(code));
            }
            if (!name.isEmpty()) {
                values.put("name", name);
            }
            values.put("recorded", recorded);
            values.put("abort", !recorded);
            values.put("iova", Json.hex(iova));
            return values;
        }
    }

    /**
     * How it ended.
     *
     * @param segments where it went, adjacent ones merged; up to the refusal if there is one
     * @param fault the refusal, or null
     * @param data what a read brought back; null if it only translated
     * @param walk the table entries that the chip read for the last piece, in order; empty if nobody asked for them, or a
     *     cache answered
     */
    record Result(List<Segment> segments, Fault fault, byte[] data, List<Entry> walk) {
        Map<String, Object> toJson() {
            Map<String, Object> values = new LinkedHashMap<>();
            if (fault != null) {
                values.put("fault", fault.toJson());
                return values;
            }
            values.put("pa", Json.hex(segments.get(0).pa));
            List<Object> list = new ArrayList<>();
            for (Segment segment : segments) {
                Map<String, Object> one = new LinkedHashMap<>();
                one.put("pa", Json.hex(segment.pa));
                one.put("len", segment.length);
                list.add(one);
            }
            values.put("segments", list);
            if (data != null) {
                values.put("data", HexFormat.of().formatHex(data));
            }
            return values;
        }
    }

    /**
     * Makes the access; pieces before a refused one have been carried out.
     *
     * @param walked true to see the table entries
     */
    Result run(Machine machine, boolean walked) {
        List<Segment> segments = new ArrayList<>();
        byte[] read = data != null && !kind.stores() ? new byte[data.length] : null;
        List<Entry> walk = new ArrayList<>();
        DmaAccess access = new DmaAccess();
        if (walked) {
            access.explainTo((what, pa, word) -> walk.add(new Entry(what, pa, word)));
        }
        long done = 0;
        do {
            machine.progress().again();
            walk.clear();
            long at = iova + done;
            int piece = (int) Math.min(length - done, PAGE - (at & (PAGE - 1)));
            access.begin(requester, at, kind.rights)
                    .withPasid(pasid)
                    .withLength(piece)
                    .withSpan(length - done)
                    .as(type);
            if (kind == Kind.ATOMIC) {
                access.asAtomic();
            }
            if (privileged) {
                access.asPrivileged();
            }
            machine.unit().dma(access);
            if (access.outcome() != DmaAccess.Outcome.TRANSLATED) {
                return new Result(merge(segments), fault(access, machine.support()), null, walk);
            }
            segments.add(new Segment(access.spa(), piece));
            if (data != null && piece > 0) {
                if (kind.stores()) {
                    machine.write(access.spa(), data, (int) done, piece);
                } else {
                    machine.memory().read(access.spa(), read, (int) done, piece);
                }
            }
            done += piece;
        } while (done < length);
        return new Result(merge(segments), null, read, walk);
    }

    /** True if a read brought back what was given. */
    boolean broughtBack(Result result) {
        return result.data == null || Arrays.equals(result.data, data);
    }

    private static Fault fault(DmaAccess access, BenchSupport support) {
        return switch (access.outcome()) {
            case FAULT ->
                new Fault(access.faultCode(), support.faultName(access.faultCode()), access.recorded(), access.iova());
            case BUS_ERROR -> new Fault(-1, "BUS_ERROR", false, access.iova());
            default -> new Fault(-1, "BLOCKED", false, access.iova());
        };
    }

    /** Joins what is adjacent. */
    static List<Segment> merge(List<Segment> segments) {
        List<Segment> merged = new ArrayList<>();
        for (Segment segment : segments) {
            int last = merged.size() - 1;
            if (last >= 0 && merged.get(last).pa + merged.get(last).length == segment.pa) {
                merged.set(last, new Segment(merged.get(last).pa, merged.get(last).length + segment.length));
            } else {
                merged.add(segment);
            }
        }
        return merged;
    }
}
