package org.iommu4j.backend;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.layout.Layout;

/**
 * The devices, tables and bindings that software has set up before a fuzzer begins: where it is worth looking. It is a record of
 * that moment; code that needs to know
 * what became of it reads the chip or memory.
 *
 * @param requesters devices for which something is set up
 * @param pasids PASIDs for which something is set up
 * @param addresses ranges of device addresses that are mapped, or nearly
 * @param tables entries in memory that are worth an edit; empty where tables are changed by calls only
 * @param roots tables that a device may be attached to
 * @param binds vendor parts of binds that are right
 * @param values values worth trying, by the name of a field, register or operand in any layout or call; by the empty name,
 *     anywhere
 * @param ways pages that devices reach, for edits of just what a translation came from
 */
public record FuzzScene(
        List<Integer> requesters,
        List<Integer> pasids,
        List<PlatformConfig.Range> addresses,
        List<Table> tables,
        List<Root> roots,
        List<Bind> binds,
        Map<String, List<Long>> values,
        List<Way> ways) {

    /**
     * Entries of one kind, one after the other.
     *
     * @param layout of an entry
     * @param pa physical address of the first
     * @param count how many
     */
    public record Table(Layout layout, long pa, int count) {}

    /**
     * A table that a device may be attached to.
     *
     * @param table physical address of the top table
     * @param levels of the table
     */
    public record Root(long table, int levels) {}

    /**
     * A bind that is right for a device of the domain.
     *
     * @param operation one of {@link org.iommu4j.contract.Uapi#BIND_PASIDTBL}, {@code BIND_PASID}, {@code BIND_PGTABLE}
     * @param flags of the header
     * @param payload the vendor part
     */
    public record Bind(int operation, int flags, byte[] payload) {
        /** Copies the payload. */
        public Bind {
            payload = payload.clone();
        }

        /** A copy of the vendor part. */
        @Override
        public byte[] payload() {
            return payload.clone();
        }
    }

    /**
     * A page that a device reaches. Nothing but these entries leads there, and no other device shares them, so that after an edit
     * of one and what drops it only one translation is legal.
     *
     * @param requester the device
     * @param pasid that it names, or {@link DmaAccess#NO_PASID}
     * @param iova first address of the page
     * @param root table to which a driver has to attach the device; null on a bare chip, and where a bind leads there
     * @param bind by which a driver leads there; null on a bare chip, and where the device is attached to a table
     * @param entries on the way, the last of them the leaf
     */
    public record Way(int requester, int pasid, long iova, Root root, Bind bind, List<Entry> entries) {
        /** Copies the list. */
        public Way {
            entries = List.copyOf(entries);
        }
    }

    /**
     * An entry on a way.
     *
     * @param layout of the entry
     * @param pa physical address
     * @param first address of the devices that is translated by the entry
     * @param lengthBytes of those addresses that are mapped below it
     * @param leaf true for the last on the way
     * @param values whole entries that it may hold, the first of them what it holds at the beginning
     * @param drops lists of native commands, each of which drops whatever came from the entry, from devices too: for the queue of
     *     a bare chip, or as the vendor part of an invalidation of everything
     */
    public record Entry(
            Layout layout,
            long pa,
            long first,
            long lengthBytes,
            boolean leaf,
            List<byte[]> values,
            List<List<byte[]>> drops) {
        /** Copies the lists. */
        public Entry {
            values = List.copyOf(values);
            drops = drops.stream().map(List::copyOf).toList();
        }
    }

    /** Nothing is set up. */
    public static final FuzzScene EMPTY = new Builder().build();

    /** A scene without ways. */
    public FuzzScene(
            List<Integer> requesters,
            List<Integer> pasids,
            List<PlatformConfig.Range> addresses,
            List<Table> tables,
            List<Root> roots,
            List<Bind> binds,
            Map<String, List<Long>> values) {
        this(requesters, pasids, addresses, tables, roots, binds, values, List.of());
    }

    /** Copies the lists and the map, whose order stays. */
    public FuzzScene {
        requesters = List.copyOf(requesters);
        pasids = List.copyOf(pasids);
        addresses = List.copyOf(addresses);
        tables = List.copyOf(tables);
        roots = List.copyOf(roots);
        binds = List.copyOf(binds);
        ways = List.copyOf(ways);
        Map<String, List<Long>> ordered = new LinkedHashMap<>();
        values.forEach((name, list) -> ordered.put(name, List.copyOf(list)));
        values = Collections.unmodifiableMap(ordered);
    }

    /** Values worth trying in a place of that name. */
    public List<Long> valuesOf(String name) {
        return values.getOrDefault(name, List.of());
    }

    /** Notes what is worth a look, while software sets it up. */
    public static final class Builder {
        private final List<Integer> requesters = new ArrayList<>();
        private final List<Integer> pasids = new ArrayList<>();
        private final List<PlatformConfig.Range> addresses = new ArrayList<>();
        private final List<Table> tables = new ArrayList<>();
        private final List<Root> roots = new ArrayList<>();
        private final List<Bind> binds = new ArrayList<>();
        private final Map<String, List<Long>> values = new LinkedHashMap<>();
        private final List<Way> ways = new ArrayList<>();

        /** Begins with nothing. */
        public Builder() {
            // Everything is added.
        }

        /** A device for which something is set up. */
        public Builder requester(int requester) {
            requesters.add(requester);
            return this;
        }

        /** A PASID for which something is set up. */
        public Builder pasid(int pasid) {
            pasids.add(pasid);
            return this;
        }

        /** Device addresses that are mapped, or nearly. */
        public Builder addresses(long base, long lengthBytes) {
            addresses.add(new PlatformConfig.Range(base, lengthBytes));
            return this;
        }

        /** Entries that are worth an edit, as {@link Table}. */
        public Builder table(Layout layout, long pa, int count) {
            tables.add(new Table(layout, pa, count));
            return this;
        }

        /** A table that a device may be attached to, as {@link Root}. */
        public Builder root(long table, int levels) {
            roots.add(new Root(table, levels));
            return this;
        }

        /** A bind that is right, as {@link Bind}. */
        public Builder bind(int operation, int flags, byte[] payload) {
            binds.add(new Bind(operation, flags, payload));
            return this;
        }

        /** A value worth trying in a place of that name. */
        public Builder value(String name, long value) {
            values.computeIfAbsent(name, key -> new ArrayList<>()).add(value);
            return this;
        }

        /** A page that a device reaches, as {@link Way}. */
        public Builder way(Way way) {
            ways.add(way);
            return this;
        }

        /** The tables so far that a device may be attached to. */
        public List<Root> roots() {
            return List.copyOf(roots);
        }

        /** The scene of everything that was noted. */
        public FuzzScene build() {
            return new FuzzScene(requesters, pasids, addresses, tables, roots, binds, values, ways);
        }
    }
}
