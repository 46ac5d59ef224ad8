package org.iommu4j.arm.shim;

import java.util.List;
import java.util.stream.Stream;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.EffectForm;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.driver.effect.EffectShim;

/** The forms of all generations, and the shims between them. */
public final class SmmuForms {
    /** A form for each generation. */
    public static final List<EffectForm> ALL = Stream.concat(
                    Stream.<EffectForm>of(new RegisterForm()),
                    SmmuGeneration.OF_CHIPS.stream().<EffectForm>map(CommandForm::new))
            .toList();

    private SmmuForms() {}

    /** From each generation to each that has chips. */
    public static List<Shim> shims() {
        return EffectShim.between(IommuModel.ARM_SMMU, ALL, SmmuGeneration.OF_CHIPS);
    }
}
