package org.iommu4j.contract;

import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Code;
import org.iommu4j.layout.FieldOption;
import org.iommu4j.layout.Layout;

/** Terms for tests, and a bind payload that no vendor has. */
final class SampleTerms {
    private static final Layout.Builder TABLE = Layout.named("sample_bind").size(128);
    static final BitField REQUESTER = TABLE.bits("requester", 15, 0);
    static final BitField KIND =
            TABLE.bits("kind", 17, 16, FieldOption.oneOf(Code.code(0, "table"), Code.code(2, "pass-through")));
    static final BitField WIDTH = TABLE.bits("width", 23, 18, FieldOption.since(3));
    static final BitField GATED = TABLE.bit("gated", 24, FieldOption.when("SAMPLE"));
    static final BitField ROOT = TABLE.address("root", 127, 76);
    static final Layout LAYOUT = TABLE.build();

    private SampleTerms() {}

    /** VT-d with an invalidation queue, as far as the contract cares. */
    static Terms intel(Abi abi) {
        return new Terms(
                abi, IommuModel.INTEL, 0x0110, Set.of(0, 16), 12, 20, List.of(sampleBind(IommuModel.INTEL, 1)));
    }

    /** The terms of the golden vector: sub_version 1 and a vendor part of 16 bytes. */
    static Terms golden(Abi abi) {
        return new Terms(abi, IommuModel.INTEL, 1, Set.of(16), 12, 20, List.of());
    }

    /** A BIND_PGTABLE with one flag of the vendor's. */
    static BindFormat sampleBind(IommuModel model, int subVersion) {
        return new BindFormat(Uapi.BIND_PGTABLE, model, subVersion, 1 << 16, LAYOUT);
    }

    /** Any terms. */
    static Terms random(SplittableRandom random) {
        IommuModel model = IommuModel.ofCode(random.nextInt(5));
        List<Set<Integer>> lengths = List.of(Set.of(0, 16), Set.of(16), Set.of(0, -16), Set.of(0), Set.of(0, 24, 32));
        return new Terms(
                List.of(Abi.values()).get(random.nextInt(3)),
                model,
                random.nextInt(),
                lengths.get(random.nextInt(lengths.size())),
                random.nextInt(4) == 0 ? 0 : random.nextInt(21),
                random.nextInt(21),
                random.nextBoolean() ? List.of() : List.of(sampleBind(model, 0)));
    }
}
