package org.iommu4j.intel.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.QueueError;
import org.iommu4j.intel.hardware.ScalableVectors.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Descriptors of docs/spec/intel-vtd.md 8.9, V192 to V212: which error the queue stops with, or none. */
class ScalableQueueTest {
    private static final ScalableVectors DOCUMENT = new ScalableVectors();
    private static final Pattern DESCRIPTOR = Pattern.compile("`([0-9a-f]{16}) ([0-9a-f]{16})`(?: QW2=([0-9a-f]+))?");

    /** V202 is a rule of revisions 3.4 to 5.0, which 5.10 has given up. */
    static Stream<Row> rows() {
        return DOCUMENT.rows(192, 212).stream().filter(row -> !row.id().equals("V202"));
    }

    @Test
    void shouldFindAllRowsOfTheDocument() {
        assertEquals(20, rows().count());
    }

    @ParameterizedTest
    @MethodSource("rows")
    void shouldStopAsTheDocumentSays(Row row) {
        String what = row.cells().get(0);
        ScalableUnit.Recipe recipe = new ScalableUnit.Recipe();
        recipe.cap = what.contains("PSI=0") ? recipe.cap & ~Cap.PSI.mask() : recipe.cap;
        recipe.cap = what.contains("ND=2") ? Cap.ND.set(recipe.cap, 2) : recipe.cap;
        if (what.contains("HPTS=1")) {
            recipe.subVersion = VtdGeneration.HOST_PERMISSIONS;
            recipe.ecap = ScalableUnit.ECAP_5;
        }
        recipe.ecap &= ~(what.contains("DT=0") ? Ecap.DT.mask() : 0);
        recipe.ecap &= ~(what.contains("PRS=0") ? Ecap.PRS.mask() : 0);
        recipe.ecap &= ~(what.contains("PDS=0") ? Ecap.PDS.mask() : 0);
        recipe.ecap &= ~(what.contains("SMTS=ADMS=0") ? Ecap.SMTS.mask() | Ecap.ADMS.mask() : 0);
        ScalableUnit unit = new ScalableUnit(recipe);
        Matcher mode = Pattern.compile("TTM=(\\d)").matcher(what);
        unit.root(mode.find() ? Integer.parseInt(mode.group(1)) : 1, false);
        unit.queueing(!what.contains("128-bit"));
        Matcher words = DESCRIPTOR.matcher(row.cells().get(1));
        assertTrue(words.matches());
        long upper = words.group(3) == null ? 0 : ScalableVectors.hex(words.group(3));
        unit.submit(ScalableVectors.hex(words.group(1)), ScalableVectors.hex(words.group(2)), upper);
        boolean accepted = row.last().equals("none");
        assertEquals(accepted ? -1 : Integer.parseInt(row.last()), unit.queueError());
        assertEquals(accepted, unit.chip.readRegister(VtdUnit.IQH, 8) != 0);
    }

    @Test
    void shouldStopAtAnInvalidationOfPagesWithABitInItsUpperHalf() {
        ScalableUnit unit = new ScalableUnit(new ScalableUnit.Recipe());
        unit.root(1, false);
        unit.queueing(true);
        long pages = IotlbInvalidate.TYPE.of(VtdCommand.TYPE_IOTLB) | IotlbInvalidate.G.of(IotlbInvalidate.PAGE);
        unit.submit(pages, 0);
        assertEquals(-1, unit.queueError());
        unit.submit(pages, 0, 1);
        assertEquals(QueueError.RESERVED_FIELD, unit.queueError());
        assertEquals(0x20, unit.chip.readRegister(VtdUnit.IQH, 8));
    }

    @Test
    void shouldStopAtATailThatIsNoMultipleOfALongDescriptor() {
        ScalableUnit unit = new ScalableUnit(new ScalableUnit.Recipe());
        unit.root(1, false);
        unit.queueing(true);
        unit.chip.writeRegister(VtdUnit.IQT, 8, 0x10);
        assertEquals(6, unit.queueError());
        assertEquals(0, unit.chip.readRegister(VtdUnit.IQH, 8));
    }

    @Test
    void shouldNameTheDeviceThatDidNotAnswerAPasidDeviceTlbInvalidation() {
        ScalableUnit.Recipe recipe = new ScalableUnit.Recipe();
        recipe.devicesAnswer = false;
        ScalableUnit unit = new ScalableUnit(recipe);
        unit.root(1, false);
        unit.queueing(true);
        unit.submit(0x0000034503100008L, 0x7ffffffffffff800L);
        assertEquals(List.of("310 345 0 0"), unit.deviceInvalidations);
        assertEquals(1 << 6, unit.chip.readRegister(VtdUnit.FSTS, 4) & 1 << 6);
        assertEquals(0x310, unit.chip.readRegister(VtdUnit.IQERCD, 8) >>> 32 & 0xffff);
    }
}
