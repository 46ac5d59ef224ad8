package org.iommu4j.upgrade.capture;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.iommu4j.backend.capture.RegisterRecords.Devices;
import org.iommu4j.backend.capture.RegisterRecords.Publication;
import org.iommu4j.layout.Register;

/** When a guest last published changed structures, for each device. */
final class Publications {
    /** Most different devices that are remembered; a publication for one more counts as one for all. */
    private static final int MOST = 1 << 17;

    private static final long NEVER = -1;

    private final List<Publication> rules;

    /** Times by the bits of a requester that are not compared, then by the others. */
    private final Map<Long, Map<Long, Long>> published = new HashMap<>();

    private int remembered;
    private long forAll = NEVER;

    Publications(List<Publication> rules) {
        this.rules = rules;
    }

    /** The guest wrote a register. */
    void written(Register register, long value, long t) {
        for (Publication rule : rules) {
            if (Objects.equals(rule.register(), register) && take(rule, new long[] {value}, t)) {
                return;
            }
        }
    }

    /** The hardware fetched a command. */
    void fetched(byte[] command, long t) {
        for (Publication rule : rules) {
            if (rule.command() != null
                    && rule.command().sizeBytes() <= command.length
                    && take(rule, rule.command().decode(command, 0), t)) {
                return;
            }
        }
    }

    private boolean take(Publication rule, long[] words, long t) {
        if (!rule.matches(words)) {
            return false;
        }
        Devices devices = rule.devices();
        if (devices == null || remembered == MOST) {
            forAll = t;
            return true;
        }
        long ignored = devices.ignoredBits(words);
        long compared = devices.requester().get(words) & ~ignored;
        if (published.computeIfAbsent(ignored, bits -> new HashMap<>()).put(compared, t) == null) {
            remembered++;
        }
        return true;
    }

    /** When structures were last published that a device uses; negative if never. */
    long last(int requester) {
        long last = forAll;
        for (Map.Entry<Long, Map<Long, Long>> some : published.entrySet()) {
            long compared = Integer.toUnsignedLong(requester) & ~some.getKey();
            last = Math.max(last, some.getValue().getOrDefault(compared, NEVER));
        }
        return last;
    }
}
