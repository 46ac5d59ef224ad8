package org.iommu4j.amd.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.List;
import java.util.stream.Stream;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.CompletionWait;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Each bit of each command alone, against the reserved masks of docs/spec/amd-vi.md 2.2: emulators had many of them wrong. */
final class CommandBitsTest {
    private static final long ALL = -1L;

    /** Command, generation of the unit, reserved bits of both words. */
    static Stream<Arguments> masks() {
        int third = AmdViGeneration.V3;
        return Stream.of(
                arguments(AmdViCommand.COMPLETION_WAIT, third, 0x0ff0_0000_0000_0000L, 0),
                arguments(AmdViCommand.INVALIDATE_DEVTAB_ENTRY, third, 0x0fff_ffff_ffff_0000L, ALL),
                arguments(AmdViCommand.INVALIDATE_IOMMU_PAGES, third, 0x0fff_0000_fff0_0000L, 0xff8),
                arguments(AmdViCommand.INVALIDATE_IOTLB_PAGES, third, 0, 0xfca),
                arguments(AmdViCommand.INVALIDATE_INTERRUPT_TABLE, third, 0x0fff_ffff_ffff_0000L, ALL),
                arguments(AmdViCommand.PREFETCH_IOMMU_PAGES, third, 0x0ff0_0000_00ff_0000L, 0xfea),
                arguments(AmdViCommand.COMPLETE_PPR_REQUEST, third, 0x0ff0_0000_ffff_0000L, 0xffff_0000_ffff_fffbL),
                arguments(AmdViCommand.INVALIDATE_IOMMU_ALL, third, 0x0fff_ffff_ffff_ffffL, ALL),
                arguments(AmdViCommand.INVALIDATE_IOMMU_PAGES, AmdViGeneration.V1, 0x0fff_0000_ffff_ffffL, 0xffc),
                arguments(AmdViCommand.INVALIDATE_IOTLB_PAGES, AmdViGeneration.V1, 0x0fff_0000_00ff_0000L, 0xffe),
                arguments(AmdViCommand.INVALIDATE_IOMMU_PAGES, AmdViGeneration.V2, 0x0fff_0000_fff0_0000L, 0xff8),
                arguments(AmdViCommand.INVALIDATE_IOTLB_PAGES, AmdViGeneration.V2, 0, 0xffa));
    }

    @ParameterizedTest
    @MethodSource("masks")
    void shouldStopAtAReservedBitAndAtNoOther(AmdViCommand command, int generation, long reserved0, long reserved1) {
        AmdViUnit unit = AmdViUnit.recipe().generation(generation).make().translating();
        long opcode = CompletionWait.OPCODE.of(command.opcode());
        for (int bit = 0; bit < 2 * Long.SIZE; bit++) {
            boolean upper = bit >= Long.SIZE;
            long one = 1L << (bit % Long.SIZE);
            if (!upper && CompletionWait.OPCODE.isSet(one)) {
                continue;
            }
            unit.off(Control.CMD_BUF_EN);
            unit.commanding();

            unit.submit(upper ? opcode : opcode | one, upper ? one : 0);

            boolean legal = (one & (upper ? reserved1 : reserved0)) == 0;
            assertEquals(legal ? AmdViCommand.BYTES : 0, unit.read(Rings.COMMAND_BUFFER.head()), "bit " + bit);
            assertEquals(
                    legal ? List.of() : List.of("00000000 50000000 00090000 00000000"), unit.events(), "bit " + bit);
        }
    }
}
