package org.iommu4j.simulation.sanitizer;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/** Entries of one kind with one tag and one PASID. */
final class ShadowSpace {
    /** Most entries that are kept after they were dropped. */
    private static final int REMEMBERED = 1 << 14;

    private static final long LAST = -1L;

    /** The range of an entry: two of different sizes may begin at one address. */
    private record Place(long first, long lengthBytes) {}

    final long tag;
    final int pasid;

    /** By size, then by first address. */
    private final TreeMap<Long, TreeMap<Long, ShadowEntry>> live = new TreeMap<>();

    private final Map<Place, ShadowEntry> gone = new LinkedHashMap<>();

    ShadowSpace(long tag, int pasid) {
        this.tag = tag;
        this.pasid = pasid;
    }

    /** Adds an entry in place of the one for the same page, which is returned. */
    ShadowEntry put(ShadowEntry entry) {
        gone.remove(new Place(entry.first, entry.lengthBytes));
        return live.computeIfAbsent(entry.lengthBytes, bytes -> new TreeMap<>(Long::compareUnsigned))
                .put(entry.first, entry);
    }

    /** The entry that a chip filled last for a page, dropped or not; or null. */
    ShadowEntry find(long first, long lengthBytes) {
        TreeMap<Long, ShadowEntry> pages = live.get(lengthBytes);
        ShadowEntry entry = pages == null ? null : pages.get(first);
        return entry != null ? entry : gone.get(new Place(first, lengthBytes));
    }

    /** Shows the entries that hold an address and were not dropped. */
    void at(long address, Consumer<ShadowEntry> sink) {
        for (Map.Entry<Long, TreeMap<Long, ShadowEntry>> size : live.entrySet()) {
            ShadowEntry entry = size.getValue().get(address & -size.getKey());
            if (entry != null) {
                sink.accept(entry);
            }
        }
    }

    /** Shows the entries that share a byte with a range and were not dropped. */
    void overlapping(long first, long last, Consumer<ShadowEntry> sink) {
        for (Map.Entry<Long, TreeMap<Long, ShadowEntry>> size : live.entrySet()) {
            long from = first & -size.getKey();
            Collection<ShadowEntry> found = first == 0 && last == LAST
                    ? size.getValue().values()
                    : size.getValue().subMap(from, true, last, true).values();
            found.forEach(sink);
        }
    }

    /** The entries that lead to an address and were not dropped, replaced ones included. */
    List<ShadowEntry> leadingTo(long target) {
        List<ShadowEntry> found = new ArrayList<>();
        all(entry -> {
            for (ShadowEntry each = entry; each != null; each = each.older) {
                if (!each.gone && each.leadsTo(target)) {
                    found.add(each);
                }
            }
        });
        return found;
    }

    /** Shows all that were not dropped. */
    void all(Consumer<ShadowEntry> sink) {
        overlapping(0, LAST, sink);
    }

    /** An entry was dropped. */
    void drop(ShadowEntry entry) {
        TreeMap<Long, ShadowEntry> pages = live.get(entry.lengthBytes);
        if (pages != null && pages.get(entry.first) == entry) {
            pages.remove(entry.first);
            Place place = new Place(entry.first, entry.lengthBytes);
            gone.remove(place);
            gone.put(place, entry);
            if (gone.size() > REMEMBERED) {
                Iterator<Place> oldest = gone.keySet().iterator();
                oldest.next();
                oldest.remove();
            }
        }
    }
}
