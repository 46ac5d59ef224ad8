package org.iommu4j.amd.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.iommu4j.amd.SpecVectors;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.Status;
import org.iommu4j.amd.command.AmdViSettings;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.amd.table.HostPde;
import org.iommu4j.amd.table.HostPte;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.Setting;
import org.junit.jupiter.api.Test;

/** Where readers of the specification disagree, docs/spec/amd-vi.md 9, a unit can be of either opinion. */
final class DisagreementsTest {
    private static final long ROOT = 0x5000L;
    private static final long LOWER = 0x6000L;
    private static final long PAGE = 0xabc_d000L;

    /** The host's entry for a guest table in the document's nested image. */
    private static final long UNMAPPED = 0x2_1060L;

    private static final long RIGHTS = HostPte.PR.mask() | HostPte.IR.mask() | HostPte.IW.mask();
    private static final long TRANSLATING = DeviceTableEntry.V.mask()
            | DeviceTableEntry.TV.mask()
            | DeviceTableEntry.IR.mask()
            | DeviceTableEntry.IW.mask();

    @Test
    void shouldHaveASettingForEachSwitchOfTheDocument() {
        Set<String> known = new TreeSet<>();
        for (Setting setting : AmdViSettings.TABLE.settings()) {
            Matcher matcher = Pattern.compile("S-[A-Z0-9]+").matcher(setting.about());
            if (matcher.find()) {
                known.add(matcher.group());
            }
        }
        Set<String> documented = new TreeSet<>();
        for (List<String> row : SpecVectors.rows("S-")) {
            documented.add(row.get(0));
        }
        assertEquals(14, documented.size());
        assertEquals(documented, known);
    }

    /** A unit of an opinion with one device. */
    private static AmdViUnit unit(String option, String value, long word0, long word1) {
        AmdViUnit unit = AmdViUnit.recipe()
                .generation(AmdViGeneration.V3)
                .option(option, value)
                .make()
                .translating();
        unit.device(AmdViUnit.DEVICE, word0, word1 | DeviceTableEntry.DOMAIN_ID.of(AmdViUnit.DOMAIN), 0, 0);
        unit.memory.writeLongLe(ROOT, LOWER | RIGHTS | HostPde.NEXT_LEVEL.of(1));
        unit.memory.writeLongLe(LOWER + 8, PAGE | RIGHTS);
        return unit;
    }

    private static long table(int mode) {
        return TRANSLATING | DeviceTableEntry.MODE.of(mode) | DeviceTableEntry.HOST_ROOT.of(ROOT);
    }

    private static int code(AmdViUnit unit) {
        return Integer.parseInt(unit.events().get(0).substring(9, 10), 16);
    }

    @Test
    void shouldLetRequestsPassWithoutTranslationInformation() {
        long entry = TRANSLATING & ~DeviceTableEntry.TV.mask();
        unit("tv0", "bypass", entry, 0).assertPasses(AmdViUnit.DEVICE, 0x1000);
        AmdViUnit blocking = unit("tv0", "block", entry, 0);
        assertEquals(
                DmaAccess.Outcome.FAULT,
                blocking.dma(AmdViUnit.DEVICE, 0x1000, AmdViUnit.READ).outcome());
    }

    @Test
    void shouldReportAnImpossibleModeAsEither() {
        AmdViUnit illegal = unit("mode7", "illegal-entry", table(7), 0);
        illegal.dma(AmdViUnit.DEVICE, 0x1000, AmdViUnit.READ);
        assertEquals(1, code(illegal));
        AmdViUnit fault = unit("mode7", "page-fault", table(7), 0);
        fault.dma(AmdViUnit.DEVICE, 0x1000, AmdViUnit.READ);
        assertEquals(2, code(fault));
    }

    @Test
    void shouldReportADeviceOutsideTheTableAsEither() {
        for (String value : List.of("page-fault", "illegal-entry")) {
            AmdViUnit unit =
                    AmdViUnit.recipe().option("device-range", value).make().translating(0);
            unit.dma(AmdViUnit.DEVICE, 0x1000, AmdViUnit.READ);
            assertEquals(value.equals("page-fault") ? 2 : 1, code(unit));
        }
    }

    @Test
    void shouldSetTheInterruptBitOnlyIfEnabled() {
        AmdViUnit unit = unit("event-int", "if-enabled", 0x1, 0);
        unit.dma(AmdViUnit.DEVICE, 0x1000, AmdViUnit.READ);
        assertTrue(!unit.status(Status.EVENT_LOG_INT));
        unit.on(Control.EVENT_INT_EN);
        unit.dma(AmdViUnit.DEVICE, 0x1000, AmdViUnit.READ);
        assertTrue(unit.status(Status.EVENT_LOG_INT));
    }

    @Test
    void shouldTakeALevel1EntryWithANextLevelForALeaf() {
        AmdViUnit leaf = unit("level1", "leaf", table(2), 0);
        leaf.memory.writeLongLe(LOWER + 8, PAGE | RIGHTS | HostPde.NEXT_LEVEL.of(1));
        leaf.assertTranslates(0x1678, AmdViUnit.READ, PAGE + 0x678);
        AmdViUnit fault = unit("level1", "fault", table(2), 0);
        fault.memory.writeLongLe(LOWER + 8, PAGE | RIGHTS | HostPde.NEXT_LEVEL.of(1));
        fault.dma(AmdViUnit.DEVICE, 0x1678, AmdViUnit.READ);
        assertEquals(2, code(fault));
    }

    @Test
    void shouldIgnoreAddressBitsOfSkippedLevels() {
        AmdViUnit unchecked = unit("skip", "unchecked", table(3), 0);
        unchecked.assertTranslates(0x20_1678L, AmdViUnit.READ, PAGE + 0x678);
        AmdViUnit checked = unit("skip", "checked", table(3), 0);
        checked.dma(AmdViUnit.DEVICE, 0x20_1678L, AmdViUnit.READ);
        assertEquals(2, code(checked));
    }

    @Test
    void shouldCheckTheLevelBeforeTheRights() {
        // An entry that is wrong in both ways: PE tells which check came first.
        for (String value : List.of("permission-first", "level-first")) {
            AmdViUnit unit = unit("order", value, table(2), 0);
            unit.memory.writeLongLe(ROOT, LOWER | HostPte.PR.mask() | HostPte.IR.mask() | HostPde.NEXT_LEVEL.of(3));
            unit.dma(AmdViUnit.DEVICE, 0x1678, AmdViUnit.WRITE);
            assertEquals(
                    value.equals("permission-first") ? "20700012" : "20300012",
                    unit.events().get(0).substring(9, 17));
        }
    }

    @Test
    void shouldIgnorePasidsOfDevicesWithoutGuestTables() {
        for (String value : List.of("fault", "pasid-ignored")) {
            AmdViUnit unit = unit("gv0", value, table(2), 0);
            DmaAccess access = new DmaAccess()
                    .begin(AmdViUnit.DEVICE, 0x1678, DmaAccess.READ)
                    .withPasid(5);
            unit.chip.translate(access);
            assertEquals(
                    value.equals("fault") ? DmaAccess.Outcome.FAULT : DmaAccess.Outcome.TRANSLATED, access.outcome());
        }
    }

    @Test
    void shouldReachEntriesWithPasidOrNotWithARequestWithoutPrefix() {
        for (String value : List.of("all", "untagged")) {
            TranslationCaches[] made = new TranslationCaches[1];
            AmdViUnit unit = AmdViUnit.recipe()
                    .option("atc-all", value)
                    .caches((config, chosen) -> {
                        made[0] = new TranslationCaches(config, chosen);
                        return made[0];
                    })
                    .make()
                    .translating()
                    .commanding();
            made[0].deviceTlb.insert(AmdViUnit.DEVICE, 5, 0x1000, 12, PAGE, 1);
            unit.submit(
                    InvalidateIotlbPages.word0(AmdViUnit.DEVICE, 0, 0, InvalidateIotlbPages.NO_PASID),
                    InvalidateIotlbPages.word1(InvalidateIotlbPages.NO_PASID, 0, SizeEncoding.ALL, 0));
            assertEquals(value.equals("untagged"), made[0].deviceTlb.lookup(AmdViUnit.DEVICE, 5, 0x1000) >= 0);
        }
    }

    @Test
    void shouldDropGuestEntriesWithACommandForHostTables() {
        for (String value : List.of("all", "nested", "none")) {
            TranslationCaches[] made = new TranslationCaches[1];
            AmdViUnit unit = AmdViUnit.recipe()
                    .option("gn0", value)
                    .caches((config, chosen) -> {
                        made[0] = new TranslationCaches(config, chosen);
                        return made[0];
                    })
                    .make()
                    .translating()
                    .commanding();
            made[0].pages.insert(AmdViUnit.DOMAIN, 5, 0x1000, 12, PAGE, TranslationCaches.NESTED);
            made[0].pages.insert(AmdViUnit.DOMAIN, 5, 0x2000, 12, PAGE, 0);
            unit.submit(
                    InvalidateIommuPages.word0(AmdViUnit.DOMAIN, InvalidateIommuPages.NO_PASID),
                    InvalidateIommuPages.word1(InvalidateIommuPages.NO_PASID, 0x9000, 12, false));
            assertEquals(value.equals("none"), made[0].pages.lookup(AmdViUnit.DOMAIN, 5, 0x1000) >= 0);
            assertEquals(!value.equals("all"), made[0].pages.lookup(AmdViUnit.DOMAIN, 5, 0x2000) >= 0);
        }
    }

    /** A unit with tables of the document, and a read of PASID and guest virtual address. */
    private static DmaAccess guestRead(AmdViUnit unit, Map<Long, Long> tables, long word0, int pasid) {
        tables.forEach(unit.memory::writeLongLe);
        unit.device(AmdViUnit.DEVICE, word0, 0x10012, 0, 0);
        DmaAccess access = new DmaAccess()
                .begin(AmdViUnit.DEVICE, 0x7f00_0000_1234L, DmaAccess.READ)
                .withPasid(pasid);
        unit.chip.translate(access);
        return access;
    }

    @Test
    void shouldRefusePasidsThatNoLevelLooksAt() {
        // V124
        for (String value : List.of("ignored", "fault")) {
            AmdViUnit unit =
                    AmdViUnit.recipe().option("pasid-high", value).make().translating();
            DmaAccess access = guestRead(unit, SpecVectors.image("G"), 0x6480000000000003L, 0x345);
            assertEquals(
                    value.equals("ignored") ? DmaAccess.Outcome.TRANSLATED : DmaAccess.Outcome.FAULT, access.outcome());
        }
    }

    @Test
    void shouldReportTheHostPartOfANestedWalkWithEitherAddress() {
        // V139, for a read
        for (String value : List.of("gpa", "gva")) {
            AmdViUnit unit =
                    AmdViUnit.recipe().option("nested-event", value).make().translating();
            Map<Long, Long> tables = SpecVectors.image("N");
            tables.put(UNMAPPED, 0L);
            guestRead(unit, tables, 0x6480000000020403L, 0x145);
            assertEquals(
                    value.equals("gpa") ? "0000c000 00000000" : "00001234 00007f00",
                    unit.events().get(0).substring(18));
        }
    }

    @Test
    void shouldSayWhatWasAccessedWhereThereIsNoMemory() {
        for (String value : List.of("master-abort", "by-cause")) {
            AmdViUnit unit = AmdViUnit.recipe()
                    .option("hw-type", value)
                    .ram(AmdViUnit.DEVICE_TABLE)
                    .make()
                    .translating();
            unit.dma(AmdViUnit.DEVICE, 0x1000, AmdViUnit.READ);
            assertEquals(
                    value.equals("master-abort") ? "32000000" : "34000000",
                    unit.events().get(0).substring(9, 17));
        }
    }

    @Test
    void shouldAnswerTranslationRequestsOfADeviceWithoutTranslationInformationAlike() {
        for (String value : List.of("block", "bypass")) {
            AmdViUnit unit = unit("tv0", value, TRANSLATING & ~DeviceTableEntry.TV.mask(), DeviceTableEntry.I.mask());
            DmaAccess access = new DmaAccess()
                    .begin(AmdViUnit.DEVICE, 0x1000, DmaAccess.READ)
                    .as(AddressType.TRANSLATION_REQUEST);
            unit.chip.translate(access);
            assertEquals(8, code(unit));
        }
    }
}
