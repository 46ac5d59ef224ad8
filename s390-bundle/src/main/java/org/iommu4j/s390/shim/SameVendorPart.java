package org.iommu4j.s390.shim;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Unbridgeable;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.s390.command.ZpciGeneration;

/**
 * A client of one generation on a unit of another where only the number differs: the vendor part is the same, byte for byte, and the
 * translator checks it as it would have been checked. What a unit cannot translate it refuses when it is bound (table types and
 * T = 0: EOPNOTSUPP), so that an invalidation always means the same.
 *
 * <table>
 * <caption>Pairs</caption>
 * <tr><th>from, to</th><th>why nothing is lost</th></tr>
 * <tr><td>2 to 1</td><td>the client invalidates after every change, the unit needs it after some: the others drop what is right,
 * which is read again</td></tr>
 * <tr><td>2 to 3, 3 to 4, 4 to 5</td><td>the unit can do all that the client asks for</td></tr>
 * <tr><td>4 to 3</td><td>tables of other types than region third, which the unit does not have, are refused when bound</td></tr>
 * <tr><td>5 to 4</td><td>T = 0 is refused when bound</td></tr>
 * </table>
 *
 * There is none from 3 to 2: a client of generation 3 may have frames of 1 MiB, which a unit of generation 2 takes for wrong entries, and no
 * bind says whether it has.
 */
public final class SameVendorPart implements Shim {
    private static final String NO_FRAMES =
            "a frame of 1 MiB is a wrong entry to the unit, and no bind says who has one";

    private final int from;
    private final int to;
    private final String name;

    private SameVendorPart(int from, int to, String name) {
        this.from = from;
        this.to = to;
        this.name = name;
    }

    /** All pairs. */
    public static List<Shim> all() {
        return List.of(
                new SameVendorPart(ZpciGeneration.REFRESH, ZpciGeneration.BASE, "Z1 announced mappings need not be"),
                new SameVendorPart(ZpciGeneration.REFRESH, ZpciGeneration.LARGE, "Z2 small frames among large ones"),
                new SameVendorPart(ZpciGeneration.LARGE, ZpciGeneration.TABLES, "Z3 three levels among others"),
                new SameVendorPart(ZpciGeneration.TABLES, ZpciGeneration.LARGE, "Z4 three levels, or refused at bind"),
                new SameVendorPart(ZpciGeneration.TABLES, ZpciGeneration.RELAXED, "Z5 translated where it need not be"),
                new SameVendorPart(ZpciGeneration.RELAXED, ZpciGeneration.TABLES, "Z6 translated, or refused at bind"));
    }

    @Override
    public IommuModel model() {
        return IommuModel.S390;
    }

    @Override
    public int from() {
        return from;
    }

    @Override
    public int to() {
        return to;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Fidelity fidelity() {
        return Fidelity.EXACT;
    }

    @Override
    public List<Conversion> conversions() {
        return switch (from) {
            case ZpciGeneration.REFRESH ->
                List.of(Conversion.lossless(
                        "invalidations",
                        to == ZpciGeneration.BASE ? "b" : "",
                        to == ZpciGeneration.BASE ? "some are more than the unit needs" : ""));
            case ZpciGeneration.TABLES ->
                to == ZpciGeneration.LARGE
                        ? List.of(
                                Conversion.lossless("invalidations", "", ""),
                                Conversion.refused(
                                        "BIND_PGTABLE of other tables than region third",
                                        "d",
                                        null,
                                        "DT",
                                        "the unit has no others"))
                        : List.of(Conversion.lossless("invalidations", "", ""));
            case ZpciGeneration.RELAXED ->
                List.of(
                        Conversion.lossless("invalidations", "", ""),
                        Conversion.refused("BIND_PGTABLE with T = 0", "e", null, "T", "the unit always translates"));
            default -> List.of(Conversion.lossless("invalidations", "", ""));
        };
    }

    /** Pairs that no shim can join. */
    public static List<Unbridgeable> unbridgeable() {
        List<Unbridgeable> pairs = new ArrayList<>();
        for (int to = ZpciGeneration.REFRESH; to <= ZpciGeneration.RELAXED; to++) {
            pairs.add(new Unbridgeable(
                    ZpciGeneration.BASE,
                    to,
                    "a",
                    "new mappings are not announced, and a shadow would not learn of them"));
        }
        for (int to = ZpciGeneration.BASE; to <= ZpciGeneration.REFRESH; to++) {
            pairs.add(new Unbridgeable(ZpciGeneration.LARGE, to, "c", NO_FRAMES));
            pairs.add(new Unbridgeable(ZpciGeneration.TABLES, to, "c, d", NO_FRAMES));
            pairs.add(new Unbridgeable(ZpciGeneration.RELAXED, to, "c, d, e", NO_FRAMES));
        }
        return List.copyOf(pairs);
    }

    @Override
    public int rewrite(InvalidateRequest request, Completion completion) {
        request.retag(to);
        return 0;
    }
}
