package org.iommu4j.amd.fuzz;

import java.util.HashMap;
import java.util.Map;
import org.iommu4j.contract.BindRequest;

/** Tables that devices of units with a driver translate through, from what was attached and bound: docs/spec/amd-vi.md 5.0. */
final class ReferenceBindings {
    /** Bindings by device. */
    private final Map<Integer, Bound> bound = new HashMap<>();

    /** The tables that a device translates through. */
    private static final class Bound {
        private boolean host;
        private long table;
        private int mode;
        private boolean deviceTlb;
        private boolean openPasids;
        private long gcr3;
        private int glx;
        private boolean fiveLevels;
        private boolean giov;
        private final Map<Integer, Long> pasids = new HashMap<>();
    }

    /** A device is attached; {@code table} is -1 without one. */
    void attached(int requester, long table, int levels) {
        Bound device = new Bound();
        device.host = table != -1;
        device.table = table;
        device.mode = levels;
        bound.put(requester, device);
    }

    /** A device is detached. */
    void detached(int requester) {
        bound.remove(requester);
    }

    /** A bind or unbind was carried out. */
    void bound(BindRequest request) {
        byte[] payload = request.payload();
        int at = request.payloadOffset();
        long root = little(payload, at, 8) & -4096L;
        long word = little(payload, at + 12, 4);
        boolean undo = (request.flags() & 1) != 0;
        Bound device = bound.computeIfAbsent((int) little(payload, at + 8, 2), key -> new Bound());
        switch (request.operation()) {
            case 4 -> {
                device.host = !undo;
                device.table = root;
                device.mode = (int) word;
                device.deviceTlb = !undo && (request.flags() & 0x2_0000) != 0;
            }
            case 2 -> {
                int pasid = (int) little(payload, at + 16, 3) & 0xf_ffff;
                if (undo) {
                    device.pasids.remove(pasid);
                } else {
                    device.fiveLevels = word == 5;
                    device.giov = device.pasids.isEmpty() ? !device.host : device.giov;
                    device.pasids.put(pasid, root);
                }
            }
            default -> {
                device.openPasids = !undo;
                device.gcr3 = root;
                device.glx = (int) word & 3;
                device.fiveLevels = (word >>> 2 & 1) != 0;
                device.giov = (word >>> 4 & 1) != 0;
            }
        }
    }

    private static long little(byte[] bytes, int at, int count) {
        long value = 0;
        for (int i = count - 1; i >= 0; i--) {
            value = value << 8 | (bytes[at + i] & 0xff);
        }
        return value;
    }

    /** The device table entry that a binding asks for; null if a device has none. */
    long[] entry(int requester) {
        Bound device = bound.get(requester);
        boolean guest = device != null && (device.openPasids || !device.pasids.isEmpty());
        if (device == null || (!device.host && !guest)) {
            return null;
        }
        long word0 = 3 | 3L << 61 | (device.host ? device.table | (long) device.mode << 9 : 0);
        if (guest) {
            word0 |= 1L << 55 | (device.giov ? 1L << 54 : 0) | (device.openPasids ? (long) device.glx << 56 : 0);
        }
        return new long[] {word0, device.deviceTlb ? 1L << 32 : 0, guest && device.fiveLevels ? 1L << 54 : 0, 0};
    }

    /** True if the guest keeps the GCR3 table of a device, at {@link #gcr3}. */
    boolean hasOpenPasids(int requester) {
        return bound.get(requester).openPasids;
    }

    /** Root of the GCR3 table that the guest keeps. */
    long gcr3(int requester) {
        return bound.get(requester).gcr3;
    }

    /** The guest table that is bound for a PASID; null if there is none. */
    Long table(int requester, int pasid) {
        return bound.get(requester).pasids.get(pasid);
    }
}
