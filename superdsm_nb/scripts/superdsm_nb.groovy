// superdsm_nb: nuclei of the selected region, or of what is visible, as detections in QuPath (0.4 or newer).
// Written by superdsm-nb scripts. To use it: Automate > Script editor, open this file, then Run.

import java.awt.geom.AffineTransform
import java.nio.file.Files
import qupath.lib.io.PathIO
import qupath.lib.objects.PathObjectTools
import qupath.lib.regions.ImagePlane
import qupath.lib.regions.RegionRequest
import static qupath.lib.gui.scripting.QPEx.*

def program = '{program}'  // if it has moved: write this file again
double downsample = 1  // 2: half the resolution, which is enough for nuclei of more than 30 pixels
def channel = 0  // of the nuclei, zero-based
def options = []  // more of them: ['--diameter', '31'] (pixels that are sent), ['--preset', 'published']
def maxPixels = 50_000_000  // that are sent

def server = getCurrentServer()
def viewer = getCurrentViewer()
def selected = getSelectedObject()
def region = selected?.getROI()
def plane = region == null ? ImagePlane.getPlane(viewer.getZPosition(), viewer.getTPosition()) : region.getImagePlane()

// The bounds of the region, inside of the image.
def left, top, right, bottom
if (region == null) {
    def visible = viewer.getDisplayedRegionShape().getBounds2D()
    (left, top, right, bottom) = [visible.minX, visible.minY, visible.maxX, visible.maxY]
} else {
    (left, top) = [region.getBoundsX(), region.getBoundsY()]
    (right, bottom) = [left + region.getBoundsWidth(), top + region.getBoundsHeight()]
}
int x = Math.max(0, Math.floor(left))
int y = Math.max(0, Math.floor(top))
int width = Math.min(server.getWidth(), Math.ceil(right)) - x
int height = Math.min(server.getHeight(), Math.ceil(bottom)) - y
if (width < 1 || height < 1) {
    println 'superdsm_nb: nothing of the image is visible.'
    return
}
if (width * (double) height / downsample**2 > maxPixels) {
    println "superdsm_nb: ${width} x ${height} pixels are too many: select a region, or raise downsample or maxPixels."
    return
}

def folder = Files.createTempDirectory('superdsm_nb-')
def (image, labels, found) = ['region.tif', 'labels.tif', 'nuclei.geojson'].collect { folder.resolve(it) }
try {
    def request = RegionRequest.createInstance(server.getPath(), downsample, x, y, width, height, plane.getZ(), plane.getT())
    writeImageRegion(server, request, image.toString())
    def command = [program, 'segment', image, '-o', labels, '--geojson', found, '--quiet']
    if (!server.isRGB() && server.nChannels() > 1) command += ['--channel', channel]
    def process = new ProcessBuilder((command + options).collect { it.toString() }).redirectErrorStream(true).start()
    process.getOutputStream().close()
    def said = process.getInputStream().getText()
    if (process.waitFor() != 0 || !Files.exists(found)) {
        println "superdsm_nb has not segmented the region:\n${said}"
        return
    }

    // From pixels of the region to those of the image, and into its plane.
    def place = new AffineTransform([downsample, 0, 0, downsample, x, y] as double[])
    def nuclei = PathIO.readObjects(found).collect {
        def moved = PathObjectTools.transformObject(it, place, true)
        PathObjectTools.updatePlane(moved, plane, true, true)
    }
    if (region != null && selected.isAnnotation()) {
        nuclei = nuclei.findAll { region.contains(it.getROI().getCentroidX(), it.getROI().getCentroidY()) }
        selected.addChildObjects(nuclei)
        fireHierarchyUpdate()
    } else {
        addObjects(nuclei)
    }
    println "superdsm_nb: ${nuclei.size()} nuclei"
} finally {
    [image, labels, found, folder].each { Files.deleteIfExists(it) }
}
