package org.iommu4j.arm.command;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Vendor part of BIND_PASID: requests of one stream with one PASID translate through one stage-1 table, as {@link BindPageTable} says it,
 * and the PASID behind that. The host keeps the context descriptors and chooses their ASIDs; requests without PASID are those of PASID 0.
 * Flags are those of {@link BindPasidTable}.
 *
 * <p>The flag UNBIND takes the same bytes: they must name what is bound.
 */
public final class BindPasid {
    private static final Layout.Builder DATA =
            Layout.named("smmu_bind_pasid").size(256).littleEndian().spec("docs/contract.md, BIND_PASID of SMMUv3");
    public static final BitField PASID = DATA.bits("pasid", 211, 192, about("the PASID"));

    public static final Layout LAYOUT =
            DATA.shared(BindPageTable.LAYOUT.fields().toArray(BitField[]::new)).build();

    private BindPasid() {}
}
