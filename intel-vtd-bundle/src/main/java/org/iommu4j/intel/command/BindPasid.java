package org.iommu4j.intel.command;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.contract.BindFormat;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Vendor part of BIND_PASID in scalable mode: requests of one device with one PASID translate through one table, as {@link BindPgtable}
 * says it, and the PASID behind that. Flags are those of {@link BindPgtable}.
 *
 * <p>The flag UNBIND takes the same bytes: they must name what is bound.
 */
public final class BindPasid {
    private static final Layout.Builder DATA =
            Layout.named("vtd_bind_pasid").size(256).littleEndian().spec("docs/contract.md, BIND_PASID of VT-d");

    /** The PASID. */
    public static final BitField PASID = DATA.bits(
            "pasid", 211, 192, about("the PASID; 0 stands for requests without one, which BIND_PGTABLE binds"));

    public static final Layout LAYOUT =
            DATA.shared(BindPgtable.LAYOUT.fields().toArray(BitField[]::new)).build();

    /** Flags of the bind header. */
    public static final Layout FLAGS_LAYOUT = BindFormat.flags("vtd_bind_pasid")
            .shared(BindPgtable.FLAGS_LAYOUT.fields().stream()
                    .filter(field -> field.shift() != 0)
                    .toArray(BitField[]::new))
            .build();

    private BindPasid() {}
}
