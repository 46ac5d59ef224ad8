package org.iommu4j.intel.capture;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.capture.GapRecords;
import org.iommu4j.intel.command.PasidCacheInvalidate;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.FsPte;
import org.iommu4j.intel.table.ScalableWalk;
import org.iommu4j.intel.table.SlPte;
import org.iommu4j.intel.table.TableWalker;

/** How gaps of captures are filled: entries of pages of all three kinds of tables, VT-d 9.7 and 9.8: pages of 4 KiB, 2 MiB and 1 GiB. Traces have
 * the bytes of every command but those of the PASID cache, for which all of it is invalidated. */
final class VtdGaps {
    private static final int HIGHEST_LEVEL = 3;

    static final GapRecords RECORDS =
            new GapRecords(List.of("did"), entries(), Map.of(VtdTrace.UNTRACED, wholePasidCache()));

    private VtdGaps() {}

    /** A descriptor of 256 bits, as scalable mode has them. */
    private static String wholePasidCache() {
        long type = PasidCacheInvalidate.TYPE.codes().get(0).value();
        long word = PasidCacheInvalidate.TYPE.of(type) | PasidCacheInvalidate.G.of(PasidCacheInvalidate.GLOBAL);
        byte[] bytes = PasidCacheInvalidate.LAYOUT.encode(word, 0);
        return HexFormat.of().formatHex(Arrays.copyOf(bytes, 2 * bytes.length));
    }

    private static List<GapRecords.Entry> entries() {
        List<GapRecords.Entry> entries = new ArrayList<>();
        for (int level = 1; level <= HIGHEST_LEVEL; level++) {
            long size = 1L << Agaw.shift(level);
            Map<Integer, Long> second = secondStage(level == 1 ? 0 : SlPte.PS.mask());
            Map<Integer, Long> first = firstStage(level == 1 ? 0 : FsPte.PS.mask());
            entries.add(new GapRecords.Entry(TableWalker.SECOND_STAGE + ", level " + level, size, second));
            entries.add(new GapRecords.Entry(ScalableWalk.SECOND_STAGE + ", level " + level, size, second));
            entries.add(new GapRecords.Entry(ScalableWalk.FIRST_STAGE + ", level " + level, size, first));
        }
        return entries;
    }

    private static Map<Integer, Long> secondStage(long size) {
        return Map.of(
                DmaAccess.READ,
                size | SlPte.R.mask(),
                DmaAccess.WRITE,
                size | SlPte.W.mask(),
                DmaAccess.READ | DmaAccess.WRITE,
                size | SlPte.R.mask() | SlPte.W.mask());
    }

    /** A page that may be written may be read as well. */
    private static Map<Integer, Long> firstStage(long size) {
        long read = size | FsPte.P.mask() | FsPte.US.mask() | FsPte.A.mask();
        long both = read | FsPte.RW.mask() | FsPte.D.mask();
        return Map.of(DmaAccess.READ, read, DmaAccess.WRITE, both, DmaAccess.READ | DmaAccess.WRITE, both);
    }
}
